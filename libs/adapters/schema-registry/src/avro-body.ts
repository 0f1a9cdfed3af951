// Reads Avro bodies: the fields of the source that the schema has, by their names, and steps over everything else. What a value becomes depends on the
// type of the source's field too: a timestamp of microseconds is an instant for a timestamp, and a number for an integer.

import type avro from 'avsc'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { ValueType } from '@tidemark/feature-schema/value'
import type { ReadBody, WriterSchema } from '@tidemark/ports/record-formats'
import { MarkedType, parseAvroSchema } from './avro-schema.ts'
import { ByteCursor, MalformedBody } from './byte-cursor.ts'
import { decimalValue } from './decimal-value.ts'

type Read = (cursor: ByteCursor) => unknown
type Skip = (cursor: ByteCursor) => void

const DAY_MS = 86_400_000
/** How many of its units are a millisecond. */
const PER_MILLISECOND: Readonly<Record<string, number>> = { millis: 1, micros: 1_000, nanos: 1_000_000 }

/** A text: why nothing can be read that was written by the schema. */
export function compileAvroBody(schema: WriterSchema, source: SourceDefinition): ReadBody | string {
  let type: avro.Type
  try {
    type = parseAvroSchema(schema)
  } catch (error) {
    return `its schema cannot be read as Avro (${(error as Error).message})`
  }
  const values = new Array<unknown>(source.fields.length)
  const readRecord = recordReader(type, source, values)
  if (readRecord === null) return `its schema is of type ${type.typeName}, and no record`
  const cursor = new ByteCursor()
  return (record, bodyAt) => {
    cursor.begin(record, bodyAt)
    values.fill(undefined)
    try {
      readRecord(cursor)
    } catch (error) {
      if (error instanceof MalformedBody) return error.message
      throw error
    }
    return cursor.left === 0 ? values : `its body has ${cursor.left} bytes more than its schema says`
  }
}

/** Fills the values; null: it is no record. */
function recordReader(type: avro.Type, source: SourceDefinition, values: unknown[]): Skip | null {
  if (isUnion(type)) return unionRecordReader(type, source, values)
  if (!isRecord(type)) return null
  const slots = new Map(source.fields.map(({ name }, slot) => [name, slot]))
  const steps = type.fields.map(({ name, type: fieldType }): Skip => {
    const slot = slots.get(name)
    if (slot === undefined) return skipOf(fieldType)
    const read = readerOf(fieldType, source.fields[slot]!.type)
    return (cursor) => void (values[slot] = read(cursor))
  })
  return (cursor) => {
    for (let i = 0; i < steps.length; i++) steps[i]!(cursor)
  }
}

/** Several kinds of events in one topic, each a record of its own. */
function unionRecordReader({ types }: avro.types.UnwrappedUnionType, source: SourceDefinition, values: unknown[]): Skip | null {
  const branches = types.map((type) => recordReader(type, source, values))
  if (branches.every((branch) => branch === null)) return null
  return (cursor) => {
    const index = cursor.index(branches.length)
    const branch = branches[index]
    if (branch === undefined || branch === null) throw new MalformedBody(`it is of type ${types[index]!.typeName}, and no record`)
    branch(cursor)
  }
}

function readerOf(type: avro.Type, target: ValueType): Read {
  if (type instanceof MarkedType) return markedReader(type, target)
  if (isUnion(type)) {
    const branches = type.types.map((branch) => readerOf(branch, target))
    return (cursor) => branches[cursor.index(branches.length)]!(cursor)
  }
  switch (type.typeName) {
    case 'null': return () => null
    case 'boolean': return (cursor) => cursor.boolean()
    case 'int': return (cursor) => cursor.int()
    // As JSON's numbers are.
    case 'long': return target === 'double' ? (cursor) => Number(cursor.long()) : (cursor) => cursor.long()
    case 'float': return (cursor) => cursor.float()
    case 'double': return (cursor) => cursor.double()
    case 'bytes': return (cursor) => cursor.prefixedBytes()
    case 'string': return (cursor) => cursor.text()
    case 'fixed': {
      const { size } = type as avro.types.FixedType
      return (cursor) => cursor.fixed(size)
    }
    case 'enum': {
      const { symbols } = type as avro.types.EnumType
      return (cursor) => symbols[cursor.index(symbols.length)]
    }
    default: return nestedReader(type)
  }
}

/** Of what no field of a source can hold: that it is there. */
function nestedReader(type: avro.Type): Read {
  const skip = skipOf(type)
  const found = type.typeName === 'array' ? [] : {}
  return (cursor) => {
    skip(cursor)
    return found
  }
}

function markedReader({ attributes: { logicalType, scale = 0 }, underlyingType }: MarkedType, target: ValueType): Read {
  const read = readerOf(underlyingType, target)
  if (logicalType === 'decimal') return typeof scale === 'number' && isBytes(underlyingType) ? (cursor) => decimalValue(read(cursor) as Uint8Array, scale, target) : read
  if (target !== 'timestamp') return read
  if (logicalType === 'date') return (cursor) => (read(cursor) as number) * DAY_MS
  if (logicalType.startsWith('time-')) return (cursor) => `the time of day ${read(cursor)}`
  const unit = PER_MILLISECOND[logicalType.slice(logicalType.lastIndexOf('-') + 1)]!
  return unit === 1 ? read : (cursor) => flooredMs(read(cursor) as number | bigint, unit)
}

/** What is beyond the milliseconds is dropped, as of a text. */
function flooredMs(value: number | bigint, perMs: number): number {
  if (typeof value === 'number') return (value - (((value % perMs) + perMs) % perMs)) / perMs
  const unit = BigInt(perMs)
  return Number((value - (((value % unit) + unit) % unit)) / unit)
}

const skips = new WeakMap<avro.Type, Skip>()

function skipOf(type: avro.Type): Skip {
  const known = skips.get(type)
  if (known !== undefined) return known
  // A record may be within itself.
  let skip: Skip | null = null
  skips.set(type, (cursor) => skip!(cursor))
  skip = makeSkip(type)
  skips.set(type, skip)
  return skip
}

function makeSkip(type: avro.Type): Skip {
  if (type instanceof MarkedType) return skipOf(type.underlyingType)
  if (isUnion(type)) {
    const branches = type.types.map(skipOf)
    return (cursor) => branches[cursor.index(branches.length)]!(cursor)
  }
  if (isRecord(type)) {
    const fields = type.fields.map(({ type: fieldType }) => skipOf(fieldType))
    const skipFields: Skip = (cursor) => {
      for (const skip of fields) skip(cursor)
    }
    return (cursor) => cursor.skipNested(skipFields)
  }
  switch (type.typeName) {
    case 'null': return () => undefined
    case 'boolean': return (cursor) => cursor.skip(1)
    case 'float': return (cursor) => cursor.skip(4)
    case 'double': return (cursor) => cursor.skip(8)
    case 'bytes': case 'string': return (cursor) => cursor.skipPrefixed()
    case 'fixed': {
      const { size } = type as avro.types.FixedType
      return (cursor) => cursor.skip(size)
    }
    case 'array': {
      const { itemsType } = type as avro.types.ArrayType
      const [skip, takesBytes] = [skipOf(itemsType), takesAnyBytes(itemsType)]
      return (cursor) => cursor.skipBlocks(skip, takesBytes)
    }
    case 'map': {
      const skipValue = skipOf((type as avro.types.MapType).valuesType)
      return (cursor) => cursor.skipBlocks(skipEntry, true)
      function skipEntry(cursor: ByteCursor): void {
        cursor.skipPrefixed()
        skipValue(cursor)
      }
    }
    // int, long, enum
    default: return (cursor) => void cursor.long()
  }
}

function takesAnyBytes(type: avro.Type, within: ReadonlySet<avro.Type> = new Set()): boolean {
  if (type instanceof MarkedType) return takesAnyBytes(type.underlyingType, within)
  if (type.typeName === 'null') return false
  if (type.typeName === 'fixed') return (type as avro.types.FixedType).size > 0
  // Nothing is within itself without something that says that it is.
  if (!isRecord(type) || within.has(type)) return true
  return type.fields.some((field) => takesAnyBytes(field.type, new Set(within).add(type)))
}

function isRecord(type: avro.Type): type is avro.types.RecordType {
  return type.typeName === 'record' || type.typeName === 'error'
}

function isUnion(type: avro.Type): type is avro.types.UnwrappedUnionType {
  return type.typeName.startsWith('union:')
}

function isBytes({ typeName }: avro.Type): boolean {
  return typeName === 'bytes' || typeName === 'fixed'
}
