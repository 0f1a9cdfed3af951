// The database that makes generations and writes archive segments: what it may take of the machine, and how a service opens it.

import { join } from 'node:path'
import { createDuckDbBatchEngine } from '@tidemark/adapter-duckdb/duckdb-batch-engine'
import type { DuckDbLimits } from '@tidemark/adapter-duckdb/duckdb-session'
import { createParquetArchiveFormat } from '@tidemark/adapter-duckdb/parquet-archive-format'
import { openProcessFolder, type ProcessFolder } from '@tidemark/machine/process-folder'
import type { ArchiveFormat } from '@tidemark/ports/archive-format'
import type { BatchEngine } from '@tidemark/ports/batch-engine'
import type { CommonSettings } from './common-settings.ts'
import { wholeNumber } from './setting-kinds.ts'
import { settingsGroup } from './settings.ts'

const MEMORY_MIN_BYTES = 64 * 2 ** 20
const MEMORY_MAX_BYTES = 2 ** 48

export type EngineSettings = Pick<DuckDbLimits, 'memoryLimitBytes' | 'threads'>

export const engineSettings = settingsGroup({
  prefix: 'TIDEMARK_ENGINE_',
  variables: {
    MEMORY_MAX_BYTES: wholeNumber(MEMORY_MIN_BYTES, MEMORY_MAX_BYTES).optional().meta({ description: 'How much memory the engine takes that makes generations and writes the archive.', unset: 'four fifths of the machine' }),
    THREADS: wholeNumber(1, 1_024).optional().meta({ description: 'How many threads it takes.', unset: "the machine's cores" }),
  },
  become: ({ MEMORY_MAX_BYTES: memoryLimitBytes, THREADS: threads }): EngineSettings => ({
    ...(memoryLimitBytes !== undefined && { memoryLimitBytes }), ...(threads !== undefined && { threads }),
  }),
})

/** What this process puts aside, and removes when it ends; what a killed one left is removed too. STORE_FULL, STORE_UNAVAILABLE. */
export function openWorkFolder({ workFolder }: Pick<CommonSettings, 'workFolder'>): Promise<ProcessFolder> {
  return openProcessFolder(join(workFolder, 'engine'))
}

export function openEngine(settings: EngineSettings, { path: temporaryFolder }: ProcessFolder): Promise<BatchEngine> {
  return createDuckDbBatchEngine({ ...settings, temporaryFolder })
}

export function openFormat(settings: EngineSettings, { path: temporaryFolder }: ProcessFolder): Promise<ArchiveFormat & AsyncDisposable> {
  return createParquetArchiveFormat({ ...settings, temporaryFolder })
}
