import { describe, expect, it } from '@jest/globals'
import { createPlainRegisters } from '../testing/plain-stores.ts'
import { changeSealRegister, openPartitions, readSealRegister } from './change-seal-register.ts'
import { MANIFEST_VERSION, type Manifest } from './manifest.ts'
import { PartitionReader } from './partition-position.ts'
import {
  decodeSealRegister, emptySealRegister, encodeSealRegister, isExpected, OPENINGS_MAX, SEAL_REGISTER_VERSION, withAppendTime, withPartitionOpened, withPartitionReopened, withUnexpected, type SealRegister,
} from './seal-register.ts'

const source = { name: 'ticks', epochLengthMs: 1_000 }
const sealOf = (through: number, end: number): Manifest => ({
  formatVersion: MANIFEST_VERSION, source: 'ticks', sourceVersion: 1, after: null, through,
  partitions: [{ partition: 0, end, knownTimeMs: 9_500, mark: { offset: end - 1, appendTimeMs: 9_500, checksum: 7 }, proof: null, segments: [] }],
})
const opened = withPartitionOpened(emptySealRegister('ticks', 1_000), 0, 4)
/** Epoch 9 is sealed, up to offset 20. */
const sealed: SealRegister = { ...opened, sealedThrough: 9, lastSeal: sealOf(9, 20) }
/** Partition 0 is about to be sealed through 12 as it ends at 30; partition 1 has records past that. */
const closing: SealRegister = { ...withPartitionOpened(sealed, 1, 0), closing: { through: 12, ends: [{ partition: 0, end: 30 }] } }

describe('law 3, opening', () => {
  it('bounds nothing before anything is sealed, and starts at the first unsealed epoch afterwards', () => {
    expect(opened.openings).toEqual([{ partition: 0, offset: 4, epoch: null, reason: 'first' }])
    expect(withPartitionOpened(sealed, 1, 2).openings.at(-1)).toEqual({ partition: 1, offset: 2, epoch: 10, reason: 'first' })
    expect(withPartitionOpened(sealed, 0, 99)).toBe(sealed)
  })

  it('is done once by whoever comes first', async () => {
    const registers = createPlainRegisters()
    const [a, b] = await Promise.all([openPartitions(registers, source, [{ partition: 0, offset: 1 }]), openPartitions(registers, source, [{ partition: 0, offset: 2 }])])
    expect(a.register.openings).toHaveLength(1)
    expect(b.register.openings).toEqual(a.register.openings)
  })
})

describe('law 3, records that a seal does not expect', () => {
  it('are those at or after its end, of an epoch that it has; readers far behind are no matter', () => {
    expect(isExpected(sealed, 0, 19, 9)).toBe(true)
    expect(isExpected(sealed, 0, 20, 10)).toBe(true)
    expect(isExpected(sealed, 0, 20, 9)).toBe(false)
    expect(isExpected(emptySealRegister('ticks', 1_000), 0, 20, 9)).toBe(true)
  })

  it('are refused with a code where there are more of them than a register takes', () => {
    const many = Array.from({ length: OPENINGS_MAX }, (_, offset) => ({ partition: 0, offset, epoch: 10, reason: 'skew' as const }))
    expect(() => withUnexpected({ ...sealed, openings: many }, 0, 20_000, 9)).toThrow(expect.objectContaining({ code: 'SEAM_BROKEN', problems: [expect.objectContaining({ where: 'source ticks, partition 0, offset 20000' })] }))
  })

  it('open the partition again at the first unsealed epoch, which may be one that closes', () => {
    const reopened = withUnexpected({ ...closing }, 0, 30, 8)
    expect(reopened.openings.filter(({ reason }) => reason === 'skew')).toEqual([{ partition: 0, offset: 30, epoch: 10, reason: 'skew' }])
    expect(reopened.closing).toBeNull()
    expect(isExpected(reopened, 0, 30, 10)).toBe(true)
  })

  it('only take back what is not sealed yet', () => {
    expect(isExpected(closing, 0, 29, 11)).toBe(true)
    expect(isExpected(closing, 0, 30, 13)).toBe(true)
    expect(isExpected(closing, 1, 30, 11)).toBe(true)
    expect(isExpected(closing, 0, 30, 11)).toBe(false)
    expect(withUnexpected(closing, 0, 30, 11)).toEqual({ ...closing, closing: null })
  })

  it('are nothing where nothing is sealed', () => {
    expect(() => withPartitionReopened(opened, 0, 5)).toThrow('Nothing of source ticks is sealed')
  })
})

describe('a declared append time', () => {
  it('is one for a record, and settles no sealed one', () => {
    const declared = withAppendTime(sealed, { partition: 0, offset: 25, through: 25, appendTimeMs: 11_000 })
    expect(declared.overrides).toEqual([{ partition: 0, offset: 25, through: 25, appendTimeMs: 11_000 }])
    expect(withAppendTime(declared, { partition: 0, offset: 25, through: 25, appendTimeMs: 11_000 })).toBe(declared)
    for (const [partition, offset, code] of [[0, 25, 'USAGE'], [0, 19, 'APPEND_TIME_SETTLED'], [5, 0, 'USAGE']] as const) {
      expect(() => withAppendTime(declared, { partition, offset, through: offset, appendTimeMs: 1 })).toThrow(code)
    }
  })

  it('may be the stamps, also of sealed ones: they are what these have', () => {
    const accepted = withAppendTime(sealed, { partition: 0, offset: 19, through: 25, appendTimeMs: 'stamped' })
    expect(decodeSealRegister(encodeSealRegister(accepted), 'here').overrides).toEqual([{ partition: 0, offset: 19, through: 25, appendTimeMs: 'stamped' }])
    const reader = new PartitionReader(0, { next: 24, epoch: 9, knownTimeMs: 9_500, mark: null }, accepted)
    const found = [18, 19, 25, 26].map((offset) => ({ offset, appendTimeMs: 99_000, key: null, value: null, headers: {} })).map((record) => [reader.isAccepted(record), reader.appendTimeMs(record)])
    expect(found).toEqual([[false, 99_000], [true, 99_000], [true, 99_000], [false, 99_000]])
  })
})

describe('an append time that is declared of several records', () => {
  const override = { partition: 0, offset: 25, through: 29, appendTimeMs: 11_000 }
  const declared = withAppendTime(sealed, override)

  it('is that of each, whichever is asked for, and of no other', () => {
    expect(withAppendTime(declared, { ...override, offset: 27, through: 27 })).toBe(declared)
    expect(() => withAppendTime(declared, { ...override, offset: 27, through: 40, appendTimeMs: 11_001 })).toThrow('declared already, as 11000')
    const reader = new PartitionReader(0, { next: 24, epoch: 9, knownTimeMs: 9_500, mark: null }, declared)
    const timeOf = (offset: number): number => reader.appendTimeMs({ offset, appendTimeMs: 99_000, key: null, value: null, headers: {} })
    expect([24, 25, 27, 29, 30].map(timeOf)).toEqual([99_000, 11_000, 11_000, 11_000, 99_000])
    expect(new PartitionReader(1, { next: 24, epoch: 9, knownTimeMs: 9_500, mark: null }, declared).appendTimeMs({ offset: 27, appendTimeMs: 99_000, key: null, value: null, headers: {} })).toBe(99_000)
  })

  it('ends before the next ones with a time of their own', () => {
    expect(withAppendTime(declared, { ...override, offset: 21, through: 40, appendTimeMs: 10_500 }).overrides).toEqual([{ ...override, offset: 21, through: 24, appendTimeMs: 10_500 }, override])
  })

  it('is announced by its first record alone, and announced anew with another end', () => {
    const announced = withAppendTime(sealed, { ...override, appendTimeMs: null })
    expect(() => withAppendTime(announced, { ...override, offset: 26, appendTimeMs: null })).toThrow('from offset 25 on')
    expect(withAppendTime(announced, { ...override, through: 40, appendTimeMs: null }).overrides).toEqual([{ ...override, through: 40, appendTimeMs: null }])
  })

  it('was of one record in version 2', () => {
    const before = Buffer.from(JSON.stringify({ ...sealed, formatVersion: 2, overrides: [{ partition: 0, offset: 25, appendTimeMs: 11_000 }] }))
    expect(decodeSealRegister(before, 'here').overrides).toEqual([{ ...override, through: 25 }])
  })
})

describe('a partition reader', () => {
  const record = (offset: number, appendTimeMs: number) => ({ offset, appendTimeMs, key: null, value: null, headers: {} })
  const start = { next: 4, epoch: -Infinity, knownTimeMs: -Infinity, mark: null }

  it('runs the maximum from a position on, whatever was read at a time', () => {
    const reader = new PartitionReader(0, start, opened)
    const epochs = [record(4, 5_500), record(5, 7_100), record(6, 6_900)].map((each) => (reader.take(each), reader.epoch))
    expect(epochs).toEqual([5, 7, 7])
    const later = new PartitionReader(0, reader.position(), opened)
    later.take(record(8, 6_000))
    expect(later.position()).toEqual({ next: 9, epoch: 7, knownTimeMs: 7_100, mark: { offset: 8, appendTimeMs: 6_000, checksum: 0 } })
  })

  it('follows openings and declared times, of its own partition', () => {
    const register = withAppendTime(withPartitionReopened(withPartitionOpened(sealed, 1, 0), 0, 22), { partition: 0, offset: 25, through: 25, appendTimeMs: 11_000 })
    const reader = new PartitionReader(0, { next: 21, epoch: 9, knownTimeMs: 9_500, mark: null }, register)
    const epochs = [record(21, 9_100), record(22, 9_100), record(25, 99_000), record(26, 10_000)].map((each) => (reader.take(each), reader.epoch))
    expect(epochs).toEqual([9, 10, 11, 11])
    expect(reader.knownTimeMs).toBe(11_000)
    expect(reader.epochOf(record(27, 12_000))).toBe(12)
    expect(reader.epoch).toBe(11)
  })
})

describe('the stored form of a register', () => {
  it('comes back as it was', () => {
    const register = withAppendTime(closing, { partition: 0, offset: 40, through: 44, appendTimeMs: 5 })
    expect(decodeSealRegister(encodeSealRegister(register), 'here')).toEqual(register)
  })

  it('is refused where it is damaged or newer', () => {
    const text = Buffer.from(encodeSealRegister(closing)).toString()
    const decode = (changed: string) => () => decodeSealRegister(Buffer.from(changed), 'here')
    expect(decode(text.slice(1))).toThrow('STORE_DAMAGED at here')
    expect(decode(text.replace('"through":12', '"through":"12"'))).toThrow('STORE_DAMAGED at here: closing.through')
    expect(decode(text.replace(`{"formatVersion":${SEAL_REGISTER_VERSION}`, `{"formatVersion":${SEAL_REGISTER_VERSION + 1}`))).toThrow('STORE_TOO_NEW at here')
    for (const formatVersion of [1, 2, 3]) expect(decode(text.replace(`{"formatVersion":${SEAL_REGISTER_VERSION}`, `{"formatVersion":${formatVersion}`))()).toEqual({ ...closing, formatVersion })
  })

  it('is changed again and again until nobody was faster', async () => {
    const registers = createPlainRegisters()
    const partitions = Array.from({ length: 8 }, (_, partition) => partition)
    await Promise.all(partitions.map((partition) => changeSealRegister(registers, source, (register) => withPartitionOpened(register, partition, 0))))
    const read = await readSealRegister(registers, source)
    expect(read.register.openings.map(({ partition }) => partition)).toEqual(partitions)
    expect(await readSealRegister(registers, source, read)).toBe(read)
  })
})
