// From the log to an engine: what is archived is read back between any two cuts, exactly, in either format, after the schema changed too.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createDuckDbBatchEngine } from '@tidemark/adapter-duckdb/duckdb-batch-engine'
import { createParquetArchiveFormat } from '@tidemark/adapter-duckdb/parquet-archive-format'
import { createMemoryBatchEngine } from '@tidemark/adapter-memory/memory-batch-engine'
import { MemoryEventLog } from '@tidemark/adapter-memory/memory-event-log'
import { createMemoryObjectStore } from '@tidemark/adapter-memory/memory-object-store'
import { createMemoryRegisterStore } from '@tidemark/adapter-memory/memory-register-store'
import { createPlainArchiveFormat } from '@tidemark/adapter-memory/plain-archive-format'
import { seededRandom } from '@tidemark/aggregation/testing/random'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { createArchiver } from '@tidemark/pipelines/archive/archiver'
import { openEpochs, type Archive } from '@tidemark/pipelines/archive/open-epochs'
import { runArchiver } from '@tidemark/pipelines/archive/run-archiver'
import { readSealRegister } from '@tidemark/pipelines/log/change-seal-register'
import type { ArchiveFormat } from '@tidemark/ports/archive-format'
import type { BatchEngine } from '@tidemark/ports/batch-engine'
import type { Revision } from '@tidemark/ports/revision'
import { clicks, expressionOf, lifetimeRung, measureOf } from '@tidemark/ports/testing/batch-engine-fixture'
import { collectPanes } from '@tidemark/ports/testing/collect-streams'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'

const EPOCH_MS = 10_000
/** Many small files, and a machine that may be busy. */
const SUITE_TIMEOUT_MS = 60_000
const START_MS = 1_700_000_000_000
const source: SourceDefinition = { ...clicks, epochLengthMs: EPOCH_MS, skewMaxMs: 500 }
/** Its `amount` takes other values. */
const changed: SourceDefinition = { ...source, version: 2, fields: source.fields.map((field) => (field.name === 'amount' ? { ...field, min: 3, max: 9_000_000 } : field)) }

let parquet: Awaited<ReturnType<typeof createParquetArchiveFormat>>
let duckDb: Awaited<ReturnType<typeof createDuckDbBatchEngine>>
beforeAll(async () => {
  parquet = await createParquetArchiveFormat({ threads: 1 })
  duckDb = await createDuckDbBatchEngine({ threads: 1 })
})
afterAll(async () => {
  await parquet[Symbol.asyncDispose]()
  await duckDb[Symbol.asyncDispose]()
})

interface Sent {
  readonly place: string
  readonly amount: number
}

describe.each([
  ['Parquet', () => parquet, () => duckDb],
  ['in memory', createPlainArchiveFormat, createMemoryBatchEngine],
] as const)('an archive, %s', (_, formatOf, engineOf) => {
  it('gives each event between two cuts once, by the schema that is asked for', async () => {
    const { archive, sent, cuts } = await archived(formatOf())
    expect(cuts.length).toBeGreaterThan(3)
    for (const [version, accepts] of [[source, (amount: number) => amount <= 1_000_000], [changed, (amount: number) => amount >= 3]] as const) {
      const between: string[][] = []
      for (const [i, cut] of cuts.entries()) between.push(await placesIn(engineOf(), archive, version, i === 0 ? null : cuts[i - 1]!, cut))
      const whole = await placesIn(engineOf(), archive, version, -Infinity, cuts.at(-1)!)
      expect(between.flat().sort()).toEqual(whole)
      expect(whole).toEqual(sent.filter(({ amount }) => accepts(amount)).map(({ place }) => place).sort())
    }
  }, SUITE_TIMEOUT_MS)
})

/** An archive of some epochs, what was sent, and the cuts that seals end with. */
async function archived(format: ArchiveFormat): Promise<{ archive: Archive; sent: Sent[]; cuts: number[] }> {
  const random = seededRandom(7)
  const clock = createSteppedClock(START_MS)
  const log = new MemoryEventLog({ clock })
  let revision = 0
  const archive: Archive = { format, objects: createMemoryObjectStore(), registers: createMemoryRegisterStore({ newRevision: () => ++revision as Revision }) }
  const cuts: number[] = []
  const sent: Sent[] = []
  const ending = new AbortController()
  await log.ensureTopic('clicks', 2)
  const archiver = createArchiver({ source, log, clock, ...archive, onAlarm: (alarm) => expect(alarm).toBeNull(), limits: { segmentCountMax: 6 } })
  const running = runArchiver(archiver, clock, ending.signal, (step) => {
    if (step.did === 'sealed') cuts.push(step.through)
  })
  const idle = async (): Promise<void> => {
    while (clock.waiting().length === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  for (let i = 0; i < 60; i++) {
    if (i === 30) await log.ensureTopic('clicks', 3)
    const partition = random.below(await log.partitionCount('clicks'))
    log.shiftAppendTimes('clicks', partition, -random.below(500))
    const amount = random.pick([1, 2, 500, 2_000_000])
    const [at] = await log.append([{ topic: 'clicks', partition, records: [{ key: null, value: Buffer.from(JSON.stringify({ at: START_MS, user: 'ann', amount })) }] }])
    sent.push({ place: `${partition} ${at!.firstOffset} ${amount}`, amount })
    await idle()
    clock.step(random.below(2_500) + 200)
  }
  await idle()
  clock.step(3 * EPOCH_MS)
  await idle()
  ending.abort()
  await running
  expect((await readSealRegister(archive.registers, source)).register.sealedThrough).toBe(cuts.at(-1))
  return { archive, sent, cuts }
}

/** `partition offset amount` of each event. */
async function placesIn(engine: BatchEngine, archive: Archive, version: SourceDefinition, afterCut: number | null, cut: number): Promise<string[]> {
  await using epochs = await openEpochs(archive, version, afterCut, cut)
  await using result = await engine.groupPanes({
    input: epochs.input, derive: [], where: expressionOf('amount is not null'), keys: [{ key: 'user', column: 'user', type: 'string' }], untilMs: null,
    // Bounds of epochs that say what was opened leave nothing out.
    afterEpoch: afterCut === -Infinity ? null : afterCut, throughEpoch: cut,
    ladders: [{ rungs: [lifetimeRung], measures: [measureOf({ kind: 'firstK', k: 100 }, { of: 'amount' })] }],
  })
  const { rowsOf } = await collectPanes(result)
  return rowsOf(0, 0).map(({ value, partition, offset }) => `${partition} ${offset} ${value}`).sort()
}
