// The forms of values and places: one form each, and they compare as what they stand for.

import { describe, expect, it } from '@jest/globals'
import { compareValues, type ValueType } from '@tidemark/feature-schema/value'
import { ByteReader, ByteWriter } from './byte-stream.ts'
import { compareOrders, type NonNull } from './partial.ts'
import { randomValue } from './testing/kernel-laws.ts'
import { checkProperty } from './testing/property.ts'
import { compareForms, compareOrderForms, ORDER_BYTES, readOrder, valueCodec, valueSizeBytes, writeOrder } from './value-codec.ts'

const TYPES: readonly ValueType[] = ['boolean', 'int32', 'int64', 'double', 'timestamp', 'string']

function formOf(type: ValueType, value: NonNull): Uint8Array {
  const writer = new ByteWriter()
  valueCodec(type).write(writer, value)
  return writer.take()
}

describe('forms of values', () => {
  it.each(TYPES)('%s: read back as they were, and compared as the values', (type) => {
    const codec = valueCodec(type)
    checkProperty({
      runs: 2000,
      generate: (random) => [randomValue(random, type), randomValue(random, type)] as const,
      judge: ([a, b]) => {
        const [formA, formB] = [formOf(type, a), formOf(type, b)]
        const around = Uint8Array.of(0xff, ...formA, 0xff)
        const reader = new ByteReader('a value', formA)
        if (!Object.is(codec.read(reader), a) || reader.remaining !== 0) return 'it is read as another value'
        if (valueSizeBytes(codec, around, 1) !== formA.length) return 'its size is another'
        const order = Math.sign(compareForms(codec, around, 1, formB, 0))
        return order === Math.sign(compareValues(a, b)) ? null : `forms compare as ${order}`
      },
    })
  })

  it('places: read back as they were, and compared by time, partition and offset', () => {
    checkProperty({
      runs: 2000,
      generate: (random) => {
        const order = () => ({
          eventTimeMs: random.pick([0, -1, 1, 978_307_200_000, -9_214_560_000_000]),
          partition: random.pick([0, 1, 255, 256, 2 ** 32 - 1]),
          offset: random.pick([0, 1, 255, 256, Number.MAX_SAFE_INTEGER]),
        })
        return [order(), order()] as const
      },
      judge: (orders) => {
        const [a, b] = orders.map((order) => {
          const writer = new ByteWriter()
          writeOrder(writer, order)
          return writer.take()
        }) as [Uint8Array, Uint8Array]
        if (a.length !== ORDER_BYTES) return 'its size is another'
        expect(readOrder(new ByteReader('a place', a))).toEqual(orders[0])
        return Math.sign(compareOrderForms(a, 0, b, 0)) === Math.sign(compareOrders(...orders)) ? null : 'forms compare otherwise'
      },
    })
  })
})
