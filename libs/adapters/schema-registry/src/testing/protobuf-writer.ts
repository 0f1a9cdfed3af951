// Writes Protobuf bodies by protobufjs, the place of the message before them.

import type { WriterSchema } from '@tidemark/ports/record-formats'
import protobuf from 'protobufjs'

export interface ProtobufWriter {
  readonly schema: WriterSchema
  /** Names as they are in the schema. */
  write(record: Readonly<Record<string, unknown>>): Buffer
}

/** `indexes`: the bytes before the message; default: those of the first one. */
export function protobufWriter(text: string, message: string, { references = [], indexes = [0] }: { references?: WriterSchema['references']; indexes?: readonly number[] } = {}): ProtobufWriter {
  const root = new protobuf.Root()
  const parse = (file: string): void => {
    for (const name of protobuf.parse(file, root, { keepCase: true }).imports ?? []) root.addJSON(protobuf.common.get(name)?.nested ?? {})
  }
  for (const reference of references) parse(reference.text)
  parse(text)
  const type = root.lookupType(message)
  return { schema: { kind: 'PROTOBUF', text, references }, write: (record) => Buffer.concat([Buffer.from(indexes), type.encode(type.fromObject(record)).finish()]) }
}
