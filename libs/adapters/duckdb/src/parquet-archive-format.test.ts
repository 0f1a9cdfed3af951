import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { archiveFormatContract } from '@tidemark/ports/archive-format.contract'
import { createFolderObjectStore } from '@tidemark/ports/testing/folder-object-store'
import { createDuckDbBatchEngine } from './duckdb-batch-engine.ts'
import { createParquetArchiveFormat } from './parquet-archive-format.ts'

archiveFormatContract('Parquet', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
  const limits = { threads: 2, temporaryFolder: folder }
  const format = await createParquetArchiveFormat(limits)
  const engine = await createDuckDbBatchEngine(limits)
  return {
    format, engine, objects: createFolderObjectStore(folder),
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]()
      await format[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
})
