import { describe, expect, it } from '@jest/globals'
import { ByteReader, ByteWriter } from './byte-stream.ts'

/** Bytes that a writer has room for before it first grows. */
const ROOM_BYTES = 256
const LONG_TEXT = '\u{ffee}'.repeat(ROOM_BYTES)

describe('ByteWriter', () => {
  it.each([
    ['u8', (writer: ByteWriter) => writer.u8(200), (reader: ByteReader) => reader.u8(), 200],
    ['u32', (writer: ByteWriter) => writer.u32(4e9), (reader: ByteReader) => reader.u32(), 4e9],
    ['u32BigEndian', (writer: ByteWriter) => writer.u32BigEndian(4e9), (reader: ByteReader) => reader.u32BigEndian(), 4e9],
    ['u64BigEndian', (writer: ByteWriter) => writer.u64BigEndian(2n ** 63n), (reader: ByteReader) => reader.u64BigEndian(), 2n ** 63n],
    ['varint', (writer: ByteWriter) => writer.varint(2 ** 50), (reader: ByteReader) => reader.varint(), 2 ** 50],
    ['text', (writer: ByteWriter) => writer.text('ß'), (reader: ByteReader) => reader.text(), 'ß'],
    ['long text of three bytes a letter', (writer: ByteWriter) => writer.text(LONG_TEXT), (reader: ByteReader) => reader.text(), LONG_TEXT],
  ] as const)('writes a %s where it has to grow', (_, write, read, value) => {
    const writer = new ByteWriter()
    writer.raw(new Uint8Array(ROOM_BYTES - 1))
    write(writer)
    write(writer)
    const reader = new ByteReader('test', writer.take())
    reader.raw(ROOM_BYTES - 1)
    expect([read(reader), read(reader), reader.remaining]).toEqual([value, value, 0])
  })
})
