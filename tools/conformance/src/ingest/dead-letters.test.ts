// Law 10: what cannot be decoded is kept once, with where it came from and why; it delays nobody, and it is put back once.

import { describe, expect, it } from '@jest/globals'
import { RECORD_SIZE_MAX_BYTES } from '@tidemark/adapter-memory/memory-event-log'
import { DEAD_LETTER_HEADER } from '@tidemark/pipelines/ingest/dead-letter'
import { listDeadLetters, replayDeadLetters, showDeadLetter } from '@tidemark/pipelines/ingest/dead-letters'
import { deadLetterTopicOf } from '@tidemark/pipelines/names'
import { CLICKS, EPOCH_MS, HERE, totals, USERS } from './ingest-definitions.ts'
import { judgeAll } from './ingest-judge.ts'
import { click, drain } from './ingest-schedules.ts'
import { IngestWorld } from './ingest-world.ts'

const [user] = HERE

async function worldWithLetters(): Promise<IngestWorld> {
  const world = await IngestWorld.create({ source: CLICKS, views: [totals], partitionCount: 2 })
  await world.append(0, click(world, user), 'no JSON', click(world, user, 2))
  await world.append(1, '{"user":"u","at":1,"amount":"many"}')
  return world
}

const lettersOf = (world: IngestWorld): Promise<string[]> => Array.fromAsync(listDeadLetters(world.log, world.source), ({ partition, offset }) => `${partition} ${offset}`)

describe('law 10: dead letters', () => {
  it('has each once, with topic, partition, offset, reason and its bytes, whoever reads them', async () => {
    const world = await worldWithLetters()
    const [one, two] = [world.processor([0, 1]), world.processor([0, 1])]
    await one.step()
    await two.step()
    await Promise.all([drain(one), drain(two)])
    expect(await lettersOf(world)).toEqual(['0 1', '1 0'])
    const letter = await showDeadLetter(world.log, world.source, 1, 0)
    expect(letter).toMatchObject({ topic: 'clicks', partition: 1, offset: 0, appendTimeMs: world.nowMs, code: 'EVENT_MALFORMED', reason: 'field amount: expected int32 or NULL, found "many".' })
    expect(Buffer.from(letter.record.value!).toString()).toBe('{"user":"u","at":1,"amount":"many"}')
    await expect(showDeadLetter(world.log, world.source, 1, 7)).rejects.toMatchObject({ code: 'UNKNOWN_NAME' })
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('has none again that is polled again, from a fence that was left behind', async () => {
    const world = await IngestWorld.create({ source: CLICKS, views: [totals], partitionCount: 1 })
    await world.append(0, click(world, user), 'no JSON')
    await drain(world.processor([0]))
    await world.append(0, click(world, user), 'nor this')
    await drain(world.processor([0]))
    expect(await lettersOf(world)).toEqual(['0 1', '0 3'])
  })

  it('finds what was rejected before the place where a view starts', async () => {
    const world = await worldWithLetters()
    await world.open()
    await world.seal(Math.floor(world.nowMs / EPOCH_MS))
    await world.publish(totals, Math.floor(world.nowMs / EPOCH_MS))
    await drain(world.processor([0, 1]))
    expect(await lettersOf(world)).toEqual(['0 1', '1 0'])
  })

  it('finds them there page by page, and misses none for events that come before it is done', async () => {
    const world = await IngestWorld.create({ source: CLICKS, views: [totals], partitionCount: 1, limits: { fetchCountMax: 2 } })
    await world.append(0, ...Array.from({ length: 5 }, () => click(world, user)), 'no JSON', click(world, user))
    await world.open()
    const epoch = Math.floor(world.nowMs / EPOCH_MS)
    world.nowMs += EPOCH_MS
    await world.seal(epoch)
    await world.publish(totals, epoch)
    await world.append(0, click(world, user), 'nor this')
    const processor = world.processor([0])
    for (const did of ['took-up', 'checked', 'folded']) expect((await processor.step()).did).toBe(did)
    expect(await lettersOf(world)).toEqual([])
    await drain(processor)
    expect(await lettersOf(world)).toEqual(['0 5', '0 8'])
  })

  it('puts them back once, and keeps again what still cannot be decoded', async () => {
    const world = await worldWithLetters()
    const processor = world.processor([0, 1])
    await drain(processor)
    expect(await replayDeadLetters({ log: world.log, source: world.source, isWanted: ({ partition }) => partition === 0 })).toBe(1)
    expect(await replayDeadLetters({ log: world.log, source: world.source })).toBe(0)
    const { records } = await world.log.fetch('clicks', 0, 3, { countMax: 9, sizeMaxBytes: 1e6, waitMaxMs: 0 })
    expect(records.map(({ value, headers }) => [Buffer.from(value!).toString(), headers])).toEqual([['no JSON', {}]])
    await drain(processor)
    expect(await lettersOf(world)).toEqual(['0 1', '0 3', '1 0'])
  })

  it('stays put back as far as it was, whoever ends the rest', async () => {
    const world = await worldWithLetters()
    await drain(world.processor([0, 1]))
    const ended = new AbortController()
    const counts: number[] = []
    const replay = replayDeadLetters({
      log: world.log, source: world.source, signal: ended.signal,
      onPutBack: (count) => {
        counts.push(count)
        ended.abort(new Error('ended'))
      },
    })
    await expect(replay).rejects.toThrow('ended')
    expect(counts).toEqual([1])
    expect(await replayDeadLetters({ log: world.log, source: world.source })).toBe(1)
  })

  it('leaves a record in the topic that is as large as the log takes, and puts it back from there', async () => {
    const world = await worldWithLetters()
    const large = 'x'.repeat(RECORD_SIZE_MAX_BYTES)
    await world.append(0, large, click(world, user))
    const processor = world.processor([0, 1])
    await drain(processor)
    expect(await lettersOf(world)).toEqual(['0 1', '0 3', '1 0'])
    expect(await showDeadLetter(world.log, world.source, 0, 3)).toMatchObject({ isRecordLeft: true, record: { value: null } })
    expect(await judgeAll(world, USERS)).toBeNull()
    expect(await replayDeadLetters({ log: world.log, source: world.source, isWanted: ({ isRecordLeft }) => isRecordLeft })).toBe(1)
    const { records: [back] } = await world.log.fetch('clicks', 0, 5, { countMax: 1, sizeMaxBytes: 1, waitMaxMs: 0 })
    expect(Buffer.from(back!.value!).equals(Buffer.from(large))).toBe(true)
  })

  it('names a record that is none', async () => {
    const world = await worldWithLetters()
    await world.log.ensureTopic(deadLetterTopicOf(world.source), 1)
    await world.log.append([{ topic: deadLetterTopicOf(world.source), partition: 0, records: [{ key: null, value: null }] }])
    await expect(lettersOf(world)).rejects.toThrow(`STORE_DAMAGED at topic clicks.dead-letters, partition 0, offset 0: It has no header ${DEAD_LETTER_HEADER}`)
  })
})
