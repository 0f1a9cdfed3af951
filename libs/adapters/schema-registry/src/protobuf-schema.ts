// Protobuf schemas, parsed by protobufjs, and which of a schema's messages a record is: the wire format has its place among those of the file.
//
//   body   long count | long index, count times | message     zigzag varints as in Avro; a count of 0 stands for the first message
//
// An index is among the messages of the file, the next one among those within it, in the order in which they are written.

import protobuf from 'protobufjs'
import type { WriterSchema } from '@tidemark/ports/record-formats'

// Names as they are written, not in camel case.
const PARSE_OPTIONS = { keepCase: true }

export interface ProtobufSchema {
  /** null: there is no message there. */
  messageAt(indexes: readonly number[]): protobuf.Type | null
}

/** Throws where it is none. */
export function parseProtobufSchema({ text, references }: WriterSchema): ProtobufSchema {
  // Alone, so that a reference of the same package does not come between.
  const own = protobuf.parse(text, new protobuf.Root(), PARSE_OPTIONS)
  const messages = messagesIn(own.package === undefined ? own.root : own.root.lookup(own.package) as protobuf.Namespace)
  const root = new protobuf.Root()
  const imports = new Set(own.imports)
  for (const reference of references) {
    for (const name of protobuf.parse(reference.text, root, PARSE_OPTIONS).imports ?? []) imports.add(name)
  }
  protobuf.parse(text, root, PARSE_OPTIONS)
  for (const name of imports) {
    if (!references.some((reference) => reference.name === name)) root.addJSON(protobuf.common.get(name)?.nested ?? {})
  }
  resolveAsFarAsPossible(root)
  return {
    messageAt([first, ...rest]) {
      let message = messages[first!]
      for (const index of rest) message = message && messagesIn(message)[index]
      return message === undefined ? null : root.lookupType(message.fullName)
    },
  }
}

function messagesIn(namespace: protobuf.NamespaceBase): protobuf.Type[] {
  return namespace.nestedArray.filter((nested) => nested instanceof protobuf.Type)
}

/** Options of fields are resolved before types; types that are not there matter only where a field of theirs is read. */
function resolveAsFarAsPossible(root: protobuf.Root): void {
  try {
    root.resolveAll()
  } catch {
    // Whoever needs what is missing says so.
  }
}
