import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { Command } from 'ioredis'
import { packCommand, type ArgumentSink } from './resp-packer.ts'
import { collectArguments } from './testing/collect-arguments.ts'

type Fill = (to: ArgumentSink) => void

/** What the client would send. */
function writtenByClient(name: string, fill: Fill): Buffer {
  return Buffer.from(new Command(name, collectArguments(fill)).toWritable({}))
}

function packed(fill: Fill): string {
  return packCommand('get', fill).toString()
}

describe('a packed command', () => {
  it('has each argument with its length in bytes', () => {
    expect(packed(() => undefined)).toBe('*1\r\n$3\r\nget\r\n')
    expect(packed((to) => to.text('ä'))).toBe('*2\r\n$3\r\nget\r\n$2\r\nä\r\n')
    expect(packed((to) => to.bytes(Buffer.alloc(0)))).toBe('*2\r\n$3\r\nget\r\n$0\r\n\r\n')
    expect(packed((to) => to.joined(Buffer.from('e'), Buffer.from('0123456789')))).toBe('*2\r\n$3\r\nget\r\n$11\r\ne0123456789\r\n')
  })

  it('stays as it is while others are packed', () => {
    const first = packCommand('get', (to) => to.text('first'))
    const before = first.toString()
    packCommand('get', (to) => to.bytes(Buffer.alloc(100_000, 'x')))
    expect(first.toString()).toBe(before)
  })

  it('is whole after one whose arguments failed', () => {
    expect(() => packed((to) => {
      to.text('lost')
      throw new Error('no argument')
    })).toThrow('no argument')
    expect(packed((to) => to.text('a'))).toBe('*2\r\n$3\r\nget\r\n$1\r\na\r\n')
  })

  it.each([9, 10, 99, 100, 999, 1_000, 65_536, 3_000_000])('may have an argument of %i bytes, and as many after it', (sizeBytes) => {
    const fill: Fill = (to) => {
      to.bytes(Buffer.alloc(sizeBytes, 1))
      to.joined(Buffer.from('e'), Buffer.alloc(sizeBytes, 2))
      to.text('t'.repeat(sizeBytes))
    }
    expect(packCommand('set', fill).equals(writtenByClient('set', fill))).toBe(true)
  })

  it('is what the client would send', () => {
    const bytes = fc.uint8Array({ maxLength: 120 })
    const argument: fc.Arbitrary<Fill> = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }).map((text): Fill => (to) => to.text(text)),
      bytes.map((some): Fill => (to) => to.bytes(some)),
      fc.tuple(bytes, bytes).map(([prefix, some]): Fill => (to) => to.joined(prefix, some)),
    )
    fc.assert(fc.property(fc.array(argument, { maxLength: 300 }), (fills) => {
      const fill: Fill = (to) => fills.forEach((one) => one(to))
      expect(packCommand('evalsha', fill).equals(writtenByClient('evalsha', fill))).toBe(true)
    }))
  })
})
