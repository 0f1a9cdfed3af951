// What `buildTrainingSet` and `readFeaturesAt` promise beyond the values of one row: every row in its place, names and types of columns, and
// that both give the same.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createDuckDbBatchEngine } from '@tidemark/adapter-duckdb/duckdb-batch-engine'
import { createMemoryBatchEngine } from '@tidemark/adapter-memory/memory-batch-engine'
import { EXACT_PANES_MAX } from '@tidemark/aggregation/ladder'
import { planView } from '@tidemark/aggregation/view-plan'
import { count, firstK, last, mean, sum, timeSinceLast } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureView, int64, string, timestamp } from '@tidemark/feature-schema/dsl'
import { readFeaturesAt, type PointInTimeRequest } from '@tidemark/pipelines/serve/point-in-time'
import { buildTrainingSet, type TrainingSetRequest } from '@tidemark/pipelines/training/training-set'
import type { ColumnBatch, EventInput, RowsWriter } from '@tidemark/ports/batch-engine'

const orders = eventSource('orders', {
  fields: { at: timestamp(), customer: string(), shop: int64(), cents: int64().nullable() },
  eventTime: 'at',
  delay: '1s',
})
const spending = featureView('spending', {
  source: orders,
  entity: { customer: 'customer' },
  features: {
    orders: count().over('1h', 'lifetime'),
    spent: sum('cents').over('lifetime').default(0),
    amounts: firstK('cents', 2).over('lifetime'),
    last_shop: last('shop').over('1h'),
  },
})
const shops = featureView('shops', {
  source: orders,
  entity: { shop: 'shop' },
  features: { mean_order: mean('cents').over('lifetime'), by_customer: count().over('lifetime').groupBy('customer') },
})
const plans = [spending, shops].map(({ definition }) => planView(definition, orders.definition))
const minute = 60_000
const records = [
  { at: minute, customer: 'ann', shop: 7, cents: '9007199254740993' },
  { at: 2 * minute, customer: 'ann', shop: 8, cents: 5 },
  { at: 3 * minute, customer: 'bob', shop: 7, cents: null },
]
const input: EventInput = { kind: 'records', source: orders.definition, records }
const views = plans.map((plan) => ({ plan, input }))
const features = [
  { view: 'shops', feature: 'mean_order_lifetime' },
  { view: 'spending', feature: 'spent_lifetime' },
  { view: 'spending', feature: 'amounts_lifetime' },
  { view: 'shops', feature: 'by_customer_lifetime' },
  { view: 'spending', feature: 'last_shop_1h' },
]
const rows = [
  { t: 2 * minute, customer: 'ann', store: 7 },
  { t: 2 * minute + 1_001, customer: 'ann', store: 7 },
  { t: 4 * minute, customer: 'bob', store: 7 },
  { t: null, customer: 'ann', store: 7 },
  { t: 4 * minute, customer: null, store: 8 },
  { t: 4 * minute, customer: 'zoe', store: 9 },
]

/** Keeps what it is given to write. */
function keepingWriter(): RowsWriter & { written: ColumnBatch[] } {
  const written: ColumnBatch[] = []
  return {
    written,
    async writeRows(_rows, { batches }) {
      for await (const batch of batches) written.push(batch)
      return { rowCount: written.reduce((sum, { rowCount }) => sum + rowCount, 0) }
    },
  }
}

function requestOf(writer: RowsWriter): TrainingSetRequest {
  return {
    engine: createMemoryBatchEngine({ batchRowCount: 2 }), writer, views, features, rowKeys: { shop: 'store' }, knownAt: 'append',
    rows: { format: 'records', records: rows, timeColumn: 't' }, output: { format: 'csv', path: 'unused' },
  }
}

describe('buildTrainingSet', () => {
  it("gives the features in the model's order, typed, and every row a value in its place", async () => {
    const writer = keepingWriter()
    const result = await buildTrainingSet(requestOf(writer))
    expect(result.columns).toEqual([
      { name: 'shops__mean_order_lifetime', type: 'double' },
      { name: 'spending__spent_lifetime', type: 'int64' },
      { name: 'spending__amounts_lifetime', type: 'json' },
      { name: 'shops__by_customer_lifetime', type: 'json' },
      { name: 'spending__last_shop_1h', type: 'int64' },
    ])
    expect(writer.written).toEqual([{
      rowCount: 6,
      columns: {
        row: [0, 1, 2, 3, 4, 5],
        shops__mean_order_lifetime: [9007199254740992, 9007199254740992, 9007199254740992, null, 5, null],
        spending__spent_lifetime: [9007199254740993n, 9007199254740998n, null, null, null, null],
        spending__amounts_lifetime: ['["9007199254740993"]', '["9007199254740993",5]', null, null, null, null],
        shops__by_customer_lifetime: ['{"ann":1}', '{"ann":1}', '{"ann":1,"bob":1}', null, '{"ann":1}', null],
        spending__last_shop_1h: [7, 8, 7, null, null, null],
      },
    }])
  })

  it('counts rows without a time, rows without keys, and statuses', async () => {
    const result = await buildTrainingSet(requestOf(keepingWriter()))
    expect(result).toMatchObject({ rowCount: 6, unreadableTimeCount: 1 })
    expect(result.views.map(({ view, noKeyCount, report }) => [view, noKeyCount, report.acceptedCount])).toEqual([['spending', 1, 3], ['shops', 0, 3]])
    expect(result.statusCounts['spending__spent_lifetime']).toEqual({ PRESENT: 2, NULL_VALUE: 1, NOT_FOUND: 1 })
  })

  it('adds statuses and defaults where they are asked for', async () => {
    const writer = keepingWriter()
    await buildTrainingSet({ ...requestOf(writer), features: features.slice(1, 2), hasStatuses: true, hasDefaults: true })
    expect(writer.written[0]!.columns).toEqual({
      row: [0, 1, 2, 3, 4, 5],
      spending__spent_lifetime: [9007199254740993n, 9007199254740998n, 0, null, null, 0],
      spending__spent_lifetime__status: ['PRESENT', 'PRESENT', 'NULL_VALUE', null, null, 'NOT_FOUND'],
    })
  })

  it('names every unknown view and feature, and the ones that were probably meant', async () => {
    const unknown = [{ view: 'spendings', feature: 'spent_lifetime' }, { view: 'spending', feature: 'spent_livetime' }]
    const failed = buildTrainingSet({ ...requestOf(keepingWriter()), features: unknown })
    await expect(failed).rejects.toMatchObject({
      code: 'UNKNOWN_NAME',
      problems: [{ action: 'Did you mean spending?' }, { action: 'Did you mean spent_lifetime?' }],
    })
  })

  it('names a join key that no view has, and the one that was probably meant', async () => {
    const failed = buildTrainingSet({ ...requestOf(keepingWriter()), rowKeys: { shopp: 'store' } })
    await expect(failed).rejects.toMatchObject({ code: 'UNKNOWN_NAME', problems: [{ action: 'Did you mean shop?' }] })
  })

  it('refuses to add nothing', async () => {
    await expect(buildTrainingSet({ ...requestOf(keepingWriter()), features: [] })).rejects.toMatchObject({ code: 'USAGE' })
  })

  it('stops when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(buildTrainingSet({ ...requestOf(keepingWriter()), signal })).rejects.toThrow('enough')
  })
})

describe('buildTrainingSet on DuckDB', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-training-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it("writes the rows' own text again, and the features beside it", async () => {
    await using engine = await createDuckDbBatchEngine({ threads: 1 })
    const paths = { events: join(folder, 'orders.ndjson'), rows: join(folder, 'rows.csv'), output: join(folder, 'training.csv') }
    await writeFile(paths.events, records.map((record) => `${JSON.stringify(record)}\n`).join(''))
    await writeFile(paths.rows, `label,t,customer,store\n007,1970-01-01T00:02:00Z,ann,7\n"a,b",soon,ann,7\n,1970-01-01T00:04:00Z,bob,7\n`)
    const files: EventInput = { kind: 'files', format: 'ndjson', paths: [paths.events], source: orders.definition }
    const result = await buildTrainingSet({
      engine, writer: engine, views: plans.map((plan) => ({ plan, input: files })), features, rowKeys: { shop: 'store' }, knownAt: 'append',
      rows: { format: 'csv', path: paths.rows, timeColumn: 't' }, output: { format: 'csv', path: paths.output },
    })
    expect(result).toMatchObject({ rowCount: 3, unreadableTimeCount: 1 })
    expect((await readFile(paths.output, 'utf8')).split('\n')).toEqual([
      'label,t,customer,store,shops__mean_order_lifetime,spending__spent_lifetime,spending__amounts_lifetime,shops__by_customer_lifetime,spending__last_shop_1h',
      '007,1970-01-01T00:02:00Z,ann,7,9007199254740992.0,9007199254740993,"[""9007199254740993""]","{""ann"":1}",7',
      '"a,b",soon,ann,7,,,,,',
      ',1970-01-01T00:04:00Z,bob,7,9007199254740992.0,,,"{""ann"":1,""bob"":1}",7',
      '',
    ])
  })
})

describe('an exact window at its cap', () => {
  const view = featureView('bursts', {
    source: orders,
    entity: { customer: 'customer' },
    features: { orders: count().over({ window: '1h', resolution: 'exact' }, '2h'), since: timeSinceLast().over({ window: '1h', resolution: 'exact' }) },
  })
  const plan = planView(view.definition, orders.definition)
  const names = plan.features.map(({ name }) => ({ view: 'bursts', feature: name }))
  const unavailable = { status: 'UNAVAILABLE', value: null, reason: 'window_truncated' }

  it.each([[0, EXACT_PANES_MAX], [1, EXACT_PANES_MAX + 1]])('law 9: has a value for as many instants as are kept, and with %i more has none, in training and at a time', async (_, instantCount) => {
    const burst: EventInput = {
      kind: 'records', source: orders.definition,
      records: Array.from({ length: 2 * instantCount }, (_, i) => ({ at: Math.floor(i / 2) * 100, customer: 'ann', shop: 7, cents: 1 })),
    }
    const atMs = instantCount * 100 + 2_000
    await using engine = await createDuckDbBatchEngine({ threads: 1 })
    const { features } = await readFeaturesAt({ engine, views: [{ plan, input: burst }], features: names, entity: { customer: 'ann' }, atMs })
    const present = (value: number): object => ({ status: 'PRESENT', value })
    const isCapped = instantCount > EXACT_PANES_MAX
    const expected = [isCapped ? unavailable : present(2 * instantCount), present(2 * instantCount), isCapped ? unavailable : present(2_100)]
    expect(features.map(({ view: _view, feature: _feature, tailMs: _tailMs, ...value }) => value)).toEqual(expected)
    const writer = keepingWriter()
    await buildTrainingSet({
      engine, writer, views: [{ plan, input: burst }], features: names, knownAt: 'append', hasStatuses: true,
      rows: { format: 'records', timeColumn: 't', records: [{ customer: 'ann', t: atMs }] }, output: { format: 'csv', path: 'unused' },
    })
    expect(Object.values(writer.written[0]!.columns).flat()).toEqual([0, ...features.flatMap(({ status, value }) => [value, status])])
  })
})

describe('readFeaturesAt', () => {
  const request: PointInTimeRequest = {
    engine: createMemoryBatchEngine(), views, features: features.filter(({ view }) => view === 'spending'), entity: { customer: 'ann' }, atMs: 2 * minute + 1_001,
  }

  it('law 4: gives what a training row at that time has, with each tail', async () => {
    expect(await readFeaturesAt(request)).toMatchObject({
      atMs: 121_001,
      features: [
        { view: 'spending', feature: 'spent_lifetime', status: 'PRESENT', value: 9007199254740998n, tailMs: null },
        { view: 'spending', feature: 'amounts_lifetime', status: 'PRESENT', value: [9007199254740993n, 5], tailMs: null },
        { view: 'spending', feature: 'last_shop_1h', status: 'PRESENT', value: 8, tailMs: -58 * minute },
      ],
      views: [{ view: 'spending', report: { readCount: 3, acceptedCount: 3 } }],
    })
    expect((await readFeaturesAt({ ...request, atMs: 2 * minute + 1_000 })).features[0]).toMatchObject({ value: 9007199254740993n })
  })

  it('gives NOT_FOUND for an entity without events', async () => {
    const { features: answers } = await readFeaturesAt({ ...request, entity: { customer: 'zoe' } })
    expect(answers.map(({ status }) => status)).toEqual(['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND'])
  })

  it('says everything that is wrong with an entity at once', async () => {
    const failed = readFeaturesAt({ ...request, features, entity: { custommer: 'ann', shop: 'seven' } })
    await expect(failed).rejects.toMatchObject({
      code: 'ENTITY_INVALID',
      problems: [
        { message: 'There is no join key custommer.', action: 'Did you mean customer?' },
        { message: expect.stringContaining('customer') },
        { message: expect.stringContaining('expected int64') },
      ],
    })
  })

  it('names an unknown feature and the one that was probably meant', async () => {
    const failed = readFeaturesAt({ ...request, features: [{ view: 'spending', feature: 'orders_1m' }] })
    await expect(failed).rejects.toMatchObject({ code: 'UNKNOWN_NAME', problems: [{ action: 'Did you mean orders_1h?' }] })
  })
})
