import { archiveFormatContract } from '@tidemark/ports/archive-format.contract'
import { createMemoryBatchEngine } from './memory-batch-engine.ts'
import { createMemoryObjectStore } from './memory-object-store.ts'
import { createPlainArchiveFormat } from './plain-archive-format.ts'

archiveFormatContract('in memory', () =>
  Promise.resolve({
    format: createPlainArchiveFormat(), objects: createMemoryObjectStore(), engine: createMemoryBatchEngine(), [Symbol.asyncDispose]: () => Promise.resolve(),
  }),
)
