import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { batchEngineContract, groupPanesContract } from '@tidemark/ports/testing/batch-engine-contract'
import { clicks, groupPanes, measureOf, type BatchEngineHarness } from '@tidemark/ports/testing/batch-engine-fixture'
import { writeRecordFiles } from '@tidemark/ports/testing/record-files'
import { createMemoryBatchEngine } from './memory-batch-engine.ts'

function createHarness(batchRowCount: number, toInput: BatchEngineHarness['inputOf']): () => Promise<BatchEngineHarness> {
  return () =>
    Promise.resolve({
      engine: createMemoryBatchEngine({ batchRowCount }),
      inputOf: toInput,
      rowsOf: (records, timeColumn) => Promise.resolve({ format: 'records', records, timeColumn }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    })
}

const asRecords: BatchEngineHarness['inputOf'] = (source, records, { columns } = {}) =>
  Promise.resolve({ source, kind: 'records', records, ...(columns && { columns }) })

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
})
afterAll(() => rm(folder, { recursive: true }))

const asNdjson: BatchEngineHarness['inputOf'] = async (source, records, { columns, fileCount } = {}) => {
  const paths = await writeRecordFiles(await mkdtemp(join(folder, 'input-')), 'ndjson', records, fileCount)
  return { source, kind: 'files', format: 'ndjson', paths, ...(columns && { columns }) }
}

batchEngineContract('memory, records', createHarness(1_000, asRecords))
batchEngineContract('memory, records, batches of one row', createHarness(1, asRecords))
groupPanesContract('memory, ndjson', createHarness(1_000, asNdjson))

describe('the in-memory engine', () => {
  it('rejects lines that are no JSON, and counts them', async () => {
    const path = join(folder, 'torn.ndjson')
    await writeFile(path, '{"at":1,"user":"ann"}\n{"at":2,"us\n\n[]\n')
    await using harness = await createHarness(10, asRecords)()
    const { report, entities } = await groupPanes(harness, { source: clicks, kind: 'files', format: 'ndjson', paths: [path] }, [measureOf('count')])
    expect(entities).toEqual([{ key_0: 'ann', logTimeMs: 1, eventCount: 1 }])
    expect(report).toMatchObject({ readCount: 3, rejectedCount: 2 })
    expect(report.rejectedSamples.map(({ file, row }) => `${file} ${row}`)).toEqual(['torn.ndjson 1', 'torn.ndjson 2'])
  })

  it.each(['missing.ndjson', '.'])('says that %s cannot be read', async (name) => {
    await using harness = await createHarness(10, asRecords)()
    const input = { source: clicks, kind: 'files', format: 'ndjson', paths: [join(folder, name)] } as const
    await expect(groupPanes(harness, input, [measureOf('count')])).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
  })
})
