// What a query of the engine leaves behind, and what happens when it is left early or runs out of room.
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Expression } from '@tidemark/feature-schema/expression/ast'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Measure, PaneQuery } from '@tidemark/ports/batch-engine'
import { createDuckDbBatchEngine } from './duckdb-batch-engine.ts'
import { openDuckDb } from './duckdb-session.ts'
import { quoteText } from './sql-text.ts'

const source: SourceDefinition = {
  kind: 'event', name: 'clicks', version: 1, eventTime: 'time', epochLengthMs: 3_600_000, skewMaxMs: 0, delayMs: 0,
  fields: [{ name: 'time', type: 'timestamp', nullable: false }, { name: 'user', type: 'string', nullable: false }],
}
const user: Expression = { node: 'column', name: 'user', type: 'string', nullable: false }
const values: Measure = { kind: 'values', limit: 10, of: user, where: null, groupBy: null }
const count: Measure = { kind: 'count', of: null, where: null, groupBy: null }

/** A signal that is aborted once it is asked for the time given, which is before a statement runs. */
function abortingAt(asked: number): { signal: AbortSignal; reason: Error } {
  const controller = new AbortController()
  const { signal } = controller
  const reason = new Error('told to end')
  const throwIfAborted = signal.throwIfAborted.bind(signal)
  signal.throwIfAborted = () => {
    if (--asked === 0) controller.abort(reason)
    throwIfAborted()
  }
  return { signal, reason }
}

let folder: string
let query: PaneQuery
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
  const path = join(folder, 'events.parquet')
  await using database = await openDuckDb()
  await using session = await database.openSession()
  await session.run(`COPY (SELECT range AS time, md5((range % 40000)::VARCHAR) AS user FROM range(80000)) TO ${quoteText(path)}`)
  query = {
    input: { kind: 'files', format: 'parquet', paths: [path], source },
    derive: [], where: null, keys: [{ key: 'user', column: 'user', type: 'string' }], afterEpoch: null, throughEpoch: null, untilMs: null,
    ladders: [{ rungs: [{ lengthMs: null, horizonMs: null, alignMs: null }], measures: [count, values] }],
  }
})
afterEach(() => rm(folder, { recursive: true }))

describe('createDuckDbBatchEngine', () => {
  it('ends what runs when it is disposed, and removes its folder', async () => {
    const engine = await createDuckDbBatchEngine({ threads: 2, temporaryFolder: folder })
    const result = await engine.groupPanes(query)
    const pending = result.streams.map(({ batches }) => batches[Symbol.asyncIterator]().next().catch((error: unknown) => error))
    await engine[Symbol.asyncDispose]()
    await Promise.all(pending)
    await result[Symbol.asyncDispose]()
    expect(await readdir(folder)).toEqual(['events.parquet'])
  })

  it('ends a query that is still loading when it is disposed', async () => {
    const engine = await createDuckDbBatchEngine({ threads: 2, temporaryFolder: folder })
    const loading = engine.groupPanes(query).catch((error: unknown) => error)
    await engine[Symbol.asyncDispose]()
    expect(await loading).toBeInstanceOf(Error)
  })

  it('ends a query that is loading, or read, when it is told to, with the reason, and goes on with others', async () => {
    await using engine = await createDuckDbBatchEngine({ threads: 2, temporaryFolder: folder })
    const loading = new AbortController()
    const loaded = engine.groupPanes(query, loading.signal)
    loading.abort(new Error('told to end'))
    await expect(loaded).rejects.toThrow('told to end')
    const reading = new AbortController()
    const result = await engine.groupPanes(query, reading.signal)
    const read = Promise.all(result.streams.map(({ batches }) => batches[Symbol.asyncIterator]().next()))
    reading.abort(new Error('told to end, too'))
    await expect(read).rejects.toThrow('told to end, too')
    await expect(Array.fromAsync(result.entities)).rejects.toThrow('told to end, too')
    await result[Symbol.asyncDispose]()
    await using other = await engine.groupPanes(query)
    expect(other.entityCount).toBe(40_000)
  })

  it('says why it was told to end, whatever it was at', async () => {
    await using engine = await createDuckDbBatchEngine({ threads: 2, temporaryFolder: folder })
    await using database = await openDuckDb()
    await using session = await database.openSession()
    const other = join(folder, 'other.parquet')
    const [plain, csv] = [join(folder, 'plain.parquet'), join(folder, 'events.csv')]
    for (const path of [plain, csv]) await session.run(`COPY (SELECT range AS time, 'x' AS user FROM range(10)) TO ${quoteText(path)}`)
    await session.run(`COPY (SELECT range AS time, 'x' AS user, 1 AS more FROM range(10)) TO ${quoteText(other)}`)
    const inputs = [
      { ...query.input, paths: [plain, other] },
      { ...query.input, paths: [other] },
      { ...query.input, format: 'csv', paths: [csv] },
    ] as PaneQuery['input'][]
    for (const input of inputs) {
      let isWhole = false
      for (let asked = 1; !isWhole; asked++) {
        const { signal, reason } = abortingAt(asked)
        const ended = engine.groupPanes({ ...query, input }, signal).then(async (result) => {
          for (const { batches } of result.streams) await Array.fromAsync(batches)
          await result[Symbol.asyncDispose]()
          isWhole = !signal.aborted
        })
        await ended.catch((error: unknown) => expect(error).toBe(reason))
        if (isWhole) expect(asked).toBeGreaterThan(5)
      }
    }
  })

  it('spills what exceeds its memory, and gives the same', async () => {
    await using engine = await createDuckDbBatchEngine({ threads: 1, memoryLimitBytes: 24 * 2 ** 20, temporaryFolder: folder })
    await using result = await engine.groupPanes(query)
    let counted = 0
    for await (const { columns } of result.streams[0]!.batches) counted = Array.from(columns['n'] as Float64Array).reduce((sum, n) => sum + n, counted)
    expect([result.entityCount, counted]).toEqual([40_000, 80_000])
  })

  it('says OUTPUT_FAILED when the disk has no room for that', async () => {
    await using engine = await createDuckDbBatchEngine({ threads: 1, memoryLimitBytes: 12 * 2 ** 20, temporaryFolder: folder, temporaryMaxBytes: 2 ** 20 })
    await expect(engine.groupPanes(query)).rejects.toMatchObject({ code: 'OUTPUT_FAILED' })
  })

  it('leaves nothing of a query that failed', async () => {
    await using engine = await createDuckDbBatchEngine({ threads: 1, temporaryFolder: folder })
    await expect(engine.groupPanes({ ...query, input: { ...query.input, kind: 'files', format: 'parquet', paths: [join(folder, 'nowhere')] } })).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
    await using result = await engine.groupPanes(query)
    expect(result.entityCount).toBe(40_000)
  })
})
