import { batchEngineContract } from '@tidemark/ports/testing/batch-engine-contract'
import type { BatchEngineHarness } from '@tidemark/ports/testing/batch-engine-fixture'
import { createMemoryBatchEngine } from './memory-batch-engine.ts'

function recordsHarness(batchRowCount?: number): () => Promise<BatchEngineHarness> {
  const engine = createMemoryBatchEngine(batchRowCount === undefined ? {} : { batchRowCount })
  return () =>
    Promise.resolve({
      engine,
      inputOf: (source, records, { columns } = {}) => Promise.resolve({ source, kind: 'records', records, ...(columns && { columns }) }),
      rowsOf: (records, timeColumn) => Promise.resolve({ format: 'records', records, timeColumn }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    })
}

batchEngineContract('memory, records', recordsHarness())
batchEngineContract('memory, batches of one row', recordsHarness(1))
