// What stores of the release before hold is read, and read again after a rollback: the bytes of a format are those of its version.
// Chunks, fences, bucket records and staged parts have theirs beside their own suites.

import { describe, expect, it } from '@jest/globals'
import type { EventLog, LogAppend } from '@tidemark/ports/event-log'
import { decodeKeys, encodeKeys, type StoredKey } from './access/key-register.ts'
import { decodeApplied, encodeApplied, type AppliedDefinitions } from './definitions/applied-register.ts'
import { decodeMembers, encodeMembers, type Members } from './definitions/members.ts'
import { readWriteSet, recordWriteSet, writeSetKey, type WriteSet } from './batch/staged-generation.ts'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { decodeDeadLetter, emitDeadLetters, type RejectedRecord } from './ingest/dead-letter.ts'
import { decodeHeartbeat, encodeHeartbeat, type Heartbeat } from './ingest/heartbeat.ts'
import { decodeManifest, encodeManifest, type Manifest } from './log/manifest.ts'
import { decodeSchemaPin, encodeSchemaPin, type SchemaPin } from './log/schema-pins.ts'
import { decodeSealRegister, encodeSealRegister, type SealRegister } from './log/seal-register.ts'
import { encodeNamespace, isClaimed, NAMESPACE_REGISTER } from './namespace-register.ts'
import { decodePointer, encodePointer, type Pointer } from './pointer.ts'
import { decodeWhole, encodeWhole, type WholeView } from './serve/whole-views.ts'
import { ticks } from './testing/archive-history.ts'
import { createPlainObjects, createPlainRegisters } from './testing/plain-stores.ts'

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
/** The same document, as a later release would begin it. */
const newerOf = (text: string): Buffer => Buffer.from(text.replace(/(?<="formatVersion":)\d+/, (version) => `${Number(version) + 1}`))
const TOO_NEW = expect.objectContaining({ code: 'STORE_TOO_NEW' })

const POINTER: Pointer = {
  formatVersion: 1, view: 'totals@1', n: 7, floor: 5, next: 10,
  published: [{ n: 5, base: 4, cut: 480_998, publishedAtMs: 1_700_000_000_123 }, { n: 7, base: 5, cut: 481_000, publishedAtMs: 1_700_000_007_000 }],
  planned: { n: 9, base: 7, cut: 481_001 }, purge: [{ n: 8, voidedAtMs: 1_700_000_009_000, wasPublished: true }],
}
const POINTER_TEXT =
  '{"formatVersion":1,"view":"totals@1","n":7,"floor":5,"next":10,' +
  '"published":[{"n":5,"base":4,"cut":480998,"publishedAtMs":1700000000123},{"n":7,"base":5,"cut":481000,"publishedAtMs":1700000007000}],' +
  '"planned":{"n":9,"base":7,"cut":481001},"purge":[{"n":8,"voidedAtMs":1700000009000,"wasPublished":true}]}'

const HEARTBEAT: Heartbeat = {
  formatVersion: 1, writtenAtMs: 1_700_000_000_123, logEnd: 42, logEndSeenAtMs: 1_700_000_000_100, nextOffset: 40, caughtUpAtMs: null,
  knownTimeMs: 1_700_000_000_050, epoch: 481_000, stopped: { code: 'LOG_REPLACED', message: 'It has other records.' }, brokenEpochs: [481_000],
}
const HEARTBEAT_TEXT =
  '{"formatVersion":1,"writtenAtMs":1700000000123,"logEnd":42,"logEndSeenAtMs":1700000000100,"nextOffset":40,"caughtUpAtMs":null,' +
  '"knownTimeMs":1700000000050,"epoch":481000,"stopped":{"code":"LOG_REPLACED","message":"It has other records."},"brokenEpochs":[481000]}'

const MANIFEST: Manifest = {
  formatVersion: 2, source: 'flüge', sourceVersion: 1, after: 480_999, through: 481_000,
  partitions: [{
    partition: 3, end: 12, knownTimeMs: 1_700_000_000_123, mark: { offset: 11, appendTimeMs: 1_700_000_000_100, checksum: 4_294_967_295 }, proof: null,
    segments: [{ key: 'archive/flüge/3/481000/0-11.v1.parquet', epoch: 481_000, firstOffset: 0, lastOffset: 11, rowCount: 12, rejectedCount: 0, sizeBytes: 1_042, checksum: 7 }],
  }],
}
const MANIFEST_BODY_TEXT =
  '"source":"flüge","sourceVersion":1,"after":480999,"through":481000,' +
  '"partitions":[{"partition":3,"end":12,"knownTimeMs":1700000000123,"mark":{"offset":11,"appendTimeMs":1700000000100,"checksum":4294967295},"proof":null,' +
  '"segments":[{"key":"archive/flüge/3/481000/0-11.v1.parquet","epoch":481000,"firstOffset":0,"lastOffset":11,"rowCount":12,"rejectedCount":0,"sizeBytes":1042,"checksum":7}]}]'
const MANIFEST_TEXT = `{"formatVersion":2,${MANIFEST_BODY_TEXT},"checksum":1290543338}`

const REGISTER: SealRegister = {
  formatVersion: 4, source: 'flüge', epochLengthMs: 3_600_000, sealedThrough: 481_000, closing: { through: 481_001, ends: [{ partition: 3, end: 12 }] },
  openings: [{ partition: 3, offset: 0, epoch: null, reason: 'first' }, { partition: 3, offset: 12, epoch: 481_001, reason: 'skew' }],
  overrides: [{ partition: 3, offset: 13, through: 14, appendTimeMs: null }, { partition: 3, offset: 15, through: 15, appendTimeMs: 'stamped' }], lastSeal: MANIFEST,
}
const REGISTER_TEXT =
  '{"formatVersion":4,"source":"flüge","epochLengthMs":3600000,"sealedThrough":481000,"closing":{"through":481001,"ends":[{"partition":3,"end":12}]},' +
  '"openings":[{"partition":3,"offset":0,"epoch":null,"reason":"first"},{"partition":3,"offset":12,"epoch":481001,"reason":"skew"}],' +
  `"overrides":[{"partition":3,"offset":13,"through":14,"appendTimeMs":null},{"partition":3,"offset":15,"through":15,"appendTimeMs":"stamped"}],"lastSeal":{"formatVersion":2,${MANIFEST_BODY_TEXT}}}`

const KEYS: StoredKey[] = [{ id: '4QzGk1v0xY7a', name: 'fraud-model', scopes: ['features:read', 'a-later-one'], secretSha256: 'ab'.repeat(32), createdAtMs: 1_700_000_000_123, expiresAtMs: null }]
const KEYS_TEXT =
  '{"formatVersion":2,"keys":[{"id":"4QzGk1v0xY7a","name":"fraud-model","scopes":["features:read","a-later-one"],' +
  `"secretSha256":"${'ab'.repeat(32)}","createdAtMs":1700000000123,"expiresAtMs":null}],"checksum":2454000078}`

const PIN: SchemaPin = {
  formatVersion: 2, unknownThroughMs: 1_700_000_000_123, schema: { kind: 'AVRO', text: '{"type":"long"}', references: [{ name: 'flüge', text: '' }] }, refusal: null,
}
const PIN_TEXT =
  '{"formatVersion":2,"unknownThroughMs":1700000000123,"schema":{"kind":"AVRO","text":"{\\"type\\":\\"long\\"}","references":[{"name":"flüge","text":""}]},"refusal":null,"checksum":2092103371}'

const WHOLE: WholeView = { formatVersion: 2, view: 'totals@3', wholeAtMs: 1_700_000_000_123, generation: 7 }
const WHOLE_TEXT = '{"formatVersion":2,"view":"totals@3","wholeAtMs":1700000000123,"generation":7,"checksum":1642696113}'

const MEMBERS: Members = { formatVersion: 2, members: [{ member: 'a', release: '0.1.0', startedAtMs: 0, revision: 3, seenAtMs: 5 }] }
const MEMBERS_TEXT = '{"formatVersion":2,"members":[{"member":"a","release":"0.1.0","startedAtMs":0,"revision":3,"seenAtMs":5}],"checksum":2357474856}'

const APPLIED: AppliedDefinitions = {
  formatVersion: 2, revision: 3, appliedAtMs: 1_700_000_000_123, by: 'zoë', views: [{ name: 'totals', version: 1 }, { name: 'totals', version: 3 }],
  services: [{ name: 'model', version: 1, views: [{ name: 'totals', version: 1 }] }], retired: { views: [{ name: 'totals', version: 2 }], services: [] },
}
const APPLIED_TEXT =
  '{"formatVersion":2,"revision":3,"appliedAtMs":1700000000123,"by":"zoë","views":[{"name":"totals","version":1},{"name":"totals","version":3}],' +
  '"services":[{"name":"model","version":1,"views":[{"name":"totals","version":1}]}],"retired":{"views":[{"name":"totals","version":2}],"services":[]},"checksum":2129196589}'

it.each([
  ['what is live', APPLIED_TEXT, () => encodeApplied(APPLIED), (bytes: Uint8Array) => decodeApplied(bytes, 'here'), APPLIED],
  ['that a view is whole', WHOLE_TEXT, () => encodeWhole(WHOLE), (bytes: Uint8Array) => decodeWhole(bytes, 'here'), WHOLE],
  ['a pointer', POINTER_TEXT, () => encodePointer(POINTER), (bytes: Uint8Array) => decodePointer(bytes, 'here'), POINTER],
  ['a heartbeat', HEARTBEAT_TEXT, () => encodeHeartbeat(HEARTBEAT), (bytes: Uint8Array) => decodeHeartbeat(bytes, 'here'), HEARTBEAT],
  ['a manifest', MANIFEST_TEXT, () => encodeManifest(MANIFEST), (bytes: Uint8Array) => decodeManifest(bytes, 'here'), MANIFEST],
  ['what a schema id means', PIN_TEXT, () => encodeSchemaPin(PIN), (bytes: Uint8Array) => decodeSchemaPin(bytes, 'here'), PIN],
  ['API keys', KEYS_TEXT, () => encodeKeys(KEYS), (bytes: Uint8Array) => decodeKeys(bytes), KEYS],
  ['a seal register', REGISTER_TEXT, () => encodeSealRegister(REGISTER), (bytes: Uint8Array) => decodeSealRegister(bytes, 'here'), REGISTER],
  ['who runs what', MEMBERS_TEXT, () => encodeMembers(MEMBERS), (bytes: Uint8Array) => decodeMembers(bytes, 'here'), MEMBERS],
])('%s', (_, text, encode, decode, value) => {
  expect(textOf(encode())).toBe(text)
  expect(decode(Buffer.from(text))).toEqual(value)
  expect(() => decode(newerOf(text))).toThrow(TOO_NEW)
})

it('whose the registers are', async () => {
  const text = '{"formatVersion":2,"namespace":"shop","checksum":3164552783}'
  expect(textOf(encodeNamespace('shop'))).toBe(text)
  const [before, newer] = [createPlainRegisters(), createPlainRegisters()]
  await before.compareAndSet(NAMESPACE_REGISTER, null, Buffer.from(text))
  expect(await isClaimed(before, 'shop', 'here')).toBe(true)
  await newer.compareAndSet(NAMESPACE_REGISTER, null, newerOf(text))
  await expect(isClaimed(newer, 'shop', 'here')).rejects.toThrow(TOO_NEW)
})

it('a write-set', async () => {
  const writeSet: WriteSet = {
    formatVersion: 2, view: 'totals@1', n: 7, base: 6, cut: 481_000,
    figures: { recordCount: 20, rejectedCount: 1, eventCount: 19, entityCount: 12, newEntityCount: 3, sampledCount: 12, nullShares: { amount: 0.25 } },
    parts: [{ key: 'views/totals.1/generations/7/part-00000', rowCount: 12, sizeBytes: 1_042 }],
  }
  const text =
    '{"formatVersion":2,"view":"totals@1","n":7,"base":6,"cut":481000,' +
    '"figures":{"recordCount":20,"rejectedCount":1,"eventCount":19,"entityCount":12,"newEntityCount":3,"sampledCount":12,"nullShares":{"amount":0.25}},' +
    '"parts":[{"key":"views/totals.1/generations/7/part-00000","rowCount":12,"sizeBytes":1042}],"checksum":4147825287}'
  const [written, stored] = [createPlainObjects(), createPlainObjects()]
  await recordWriteSet(written, writeSet)
  expect(textOf(written.objects.get('views/totals.1/generations/7/write-set.json')!.bytes)).toBe(text)
  await stored.create(writeSetKey('totals@1', 7), Buffer.from(text))
  expect(await readWriteSet(stored, 'totals@1', 7)).toEqual(writeSet)
  const newer = createPlainObjects()
  await newer.create(writeSetKey('totals@1', 7), newerOf(text))
  await expect(readWriteSet(newer, 'totals@1', 7)).rejects.toThrow(TOO_NEW)
})

describe('a dead letter', () => {
  const record = { offset: 17, appendTimeMs: 1_700_000_000_123, key: Buffer.from('k'), value: Buffer.from('no JSON'), headers: { trace: Buffer.of(7) } }
  const text = '{"formatVersion":1,"topic":"ticks","partition":3,"offset":17,"appendTimeMs":1700000000123,"code":"EVENT_MALFORMED","reason":"It is not JSON."}'

  it('is written to the topic and partition that readers look into, with its header', async () => {
    const appended: LogAppend[] = []
    const log: Pick<EventLog, 'ensureTopic' | 'partitionCount' | 'appendAndCommit'> = {
      ensureTopic: () => Promise.resolve(), partitionCount: async () => 4, appendAndCommit: async (appends) => (appended.push(...appends), []),
    }
    await emitDeadLetters(log as EventLog, ticks, 3, { committed: null, through: 0 }, [{ record, code: 'EVENT_MALFORMED', reason: 'It is not JSON.' }], 18)
    expect(appended).toEqual([{ topic: 'ticks.dead-letters', partition: 3, records: [{ key: record.key, value: record.value, headers: { trace: Buffer.of(7), 'tidemark-dead-letter': Buffer.from(text) } }] }])
  })

  it('leaves a record where it is that is too large for one, the largest first', async () => {
    const appended: LogAppend['records'][] = []
    const log: Pick<EventLog, 'ensureTopic' | 'partitionCount' | 'appendAndCommit'> = {
      ensureTopic: () => Promise.resolve(), partitionCount: async () => 4,
      async appendAndCommit([letters]) {
        if (letters!.records.some(({ value }) => (value?.byteLength ?? 0) > 100)) throw new TidemarkError([{ code: 'EVENT_TOO_LARGE', message: 'It is.', where: 'here', action: 'None.' }])
        appended.push(letters!.records)
        return []
      },
    }
    const sized = (offset: number, sizeBytes: number): RejectedRecord => ({ record: { ...record, offset, value: Buffer.alloc(sizeBytes) }, code: 'EVENT_MALFORMED', reason: 'It is not JSON.' })
    expect(await emitDeadLetters(log as EventLog, ticks, 3, { committed: null, through: 0 }, [sized(16, 100), sized(17, 101), sized(18, 200)], 19)).toBe(3)
    expect(appended.map((records) => records.map(({ value }) => value?.byteLength ?? null))).toEqual([[100, null, null]])
    const left = '{"formatVersion":2,"topic":"ticks","partition":3,"offset":17,"appendTimeMs":1700000000123,"code":"EVENT_MALFORMED","reason":"It is not JSON.","isRecordLeft":true}'
    expect(appended[0]![1]).toEqual({ key: null, value: null, headers: { 'tidemark-dead-letter': Buffer.from(left) } })
    expect(decodeDeadLetter({ offset: 2, appendTimeMs: 1, ...appended[0]![1]!, headers: appended[0]![1]!.headers! }, 'here')).toMatchObject({ offset: 17, isRecordLeft: true, record: { key: null, value: null, headers: {} } })
  })

  it('is read, and refused where it is newer', () => {
    const { key, value, headers } = record
    const newer = { 'tidemark-dead-letter': newerOf(text.replace('"formatVersion":1', '"formatVersion":2')) }
    expect(() => decodeDeadLetter({ offset: 2, appendTimeMs: 1, key, value, headers: newer }, 'here')).toThrow(TOO_NEW)
    expect(decodeDeadLetter({ offset: 2, appendTimeMs: 1_700_000_000_200, key, value, headers: { ...headers, 'tidemark-dead-letter': Buffer.from(text) } }, 'here')).toEqual({
      topic: 'ticks', partition: 3, offset: 17, appendTimeMs: 1_700_000_000_123, code: 'EVENT_MALFORMED', reason: 'It is not JSON.', isRecordLeft: false, letterOffset: 2, record: { key, value, headers },
    })
  })
})
