// A replay tells what it is at, also while it archives and makes generations, and can be told to end there.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals'
import { planView } from '@tidemark/aggregation/view-plan'
import { count, sum } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureView, int32, string, timestamp } from '@tidemark/feature-schema/dsl'
import type { ReplayPhase, ReplayProgress, ReplayResult } from '@tidemark/pipelines/replay/replay'
import { replayInFolder } from './replay-in-folder.ts'

jest.setTimeout(120_000)

const HOUR_MS = 3_600_000
const START_MS = Date.UTC(2024, 2, 1)
const HOURS = 48

const sales = eventSource('sales', { fields: { at: timestamp(), shop: string(), amount: int32() }, eventTime: 'at', epochLength: '6h' })
const shops = featureView('shops', { source: sales, entity: { shop: 'shop' }, features: { sales: count().over('24h', 'lifetime'), amount: sum('amount').over('24h') } })
const unasked = featureView('unasked', { source: sales, entity: { amount: 'amount' }, features: { sales: count().over('24h') } })

let folder: string
let temporaryBefore: string | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-replay-test-'))
  temporaryBefore = process.env['TMPDIR']
  process.env['TMPDIR'] = join(folder, 'temporary')
  mkdirSync(join(folder, 'temporary'))
  const sale = (i: number): string => `${new Date(START_MS + i * 60_000).toISOString()},s${i % 3},${i % 10}\n`
  writeFileSync(join(folder, 'sales.csv'), `at,shop,amount\n${Array.from({ length: HOURS * 60 }, (_, i) => sale(i)).join('')}`)
  const row = (i: number): string => `${new Date(START_MS + i * HOUR_MS).toISOString()},s${i % 3}\n`
  writeFileSync(join(folder, 'rows.csv'), `asked_at,shop\n${Array.from({ length: HOURS }, (_, i) => row(i)).join('')}`)
})

afterEach(() => {
  if (temporaryBefore === undefined) delete process.env['TMPDIR']
  else process.env['TMPDIR'] = temporaryBefore
  rmSync(folder, { recursive: true, force: true })
})

function play(onProgress: (progress: ReplayProgress) => void, signal?: AbortSignal): Promise<ReplayResult> {
  const definitions = { formatVersion: 1, sources: [sales.definition], views: [shops.definition, unasked.definition], services: [] }
  return replayInFolder({
    definitions, onProgress, batchEveryMs: 12 * HOUR_MS,
    views: [{ plan: planView(shops.definition, sales.definition), input: { kind: 'files', source: sales.definition, paths: [join(folder, 'sales.csv')], format: 'csv' } }],
    features: [{ view: 'shops', feature: 'sales_24h' }, { view: 'shops', feature: 'amount_24h' }],
    rows: { path: join(folder, 'rows.csv'), format: 'csv', timeColumn: 'asked_at' },
    output: { path: join(folder, 'out.csv'), format: 'csv' },
    ...(signal && { signal }),
  })
}

it('tells what it is at, and how far', async () => {
  const told: ReplayProgress[] = []
  const result = await play((progress) => told.push(progress))
  // One view, of which something is asked.
  expect(result).toMatchObject({ rowCount: HOURS, answeredCount: HOURS, generationCount: 3, recordCount: (HOURS - 1) * 60 })
  const phases = told.map(({ phase }) => phase).filter((phase, i, all) => phase !== all[i - 1])
  expect(phases).toEqual([...Array.from({ length: 3 }, () => ['streaming', 'archiving', 'batch']).flat(), 'streaming'])
  expect(told.map(({ doneShare }) => doneShare)).toEqual(told.map(({ doneShare }) => doneShare).toSorted((a, b) => a - b))
  expect(told.at(-1)).toMatchObject({ doneShare: 1, answeredCount: HOURS })
  expect(readdirSync(join(folder, 'temporary'))).toEqual([])
})

it.each<ReplayPhase>(['streaming', 'archiving', 'batch'])('ends when it is told to while it is %s, and leaves nothing behind', async (phase) => {
  const told = new AbortController()
  const reason = new Error('told to end')
  const playing = play((progress) => {
    if (progress.phase === phase && progress.recordCount > 0) told.abort(reason)
  }, told.signal)
  await expect(playing).rejects.toBe(reason)
  expect(existsSync(join(folder, 'out.csv'))).toBe(false)
  expect(readdirSync(join(folder, 'temporary'))).toEqual([])
})
