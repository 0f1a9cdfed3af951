import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'
import { archiveFormatContract } from '@tidemark/ports/archive-format.contract'
import { clicks } from '@tidemark/ports/testing/batch-engine-fixture'
import { encodeSegment } from '@tidemark/ports/testing/encode-segment'
import { createFolderObjectStore } from '@tidemark/ports/testing/folder-object-store'
import { SEGMENT_VERSION, SEGMENT_VERSION_KEY } from './archive-columns.ts'
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

it('refuses a segment of a later version', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
  await using format = await createParquetArchiveFormat({ threads: 1, temporaryFolder: folder })
  const record = { offset: 3, appendTimeMs: 8, key: null, value: Buffer.from('{"at":5}'), headers: {} }
  const rejected = { record, appendTimeMs: 8, knownTimeMs: 8, row: null, rejection: 'It lacks a field.' }
  const bytes = Buffer.from(await encodeSegment(format, { source: clicks, partition: 0, epoch: 1, records: [rejected] }))
  expect(await format.read(bytes, clicks, 'here')).toHaveLength(1)
  // Thrift's binary of one byte follows the key: its field, its length, the version.
  const at = bytes.lastIndexOf(SEGMENT_VERSION_KEY) + SEGMENT_VERSION_KEY.length + 2
  expect(String.fromCharCode(bytes[at]!)).toBe(`${SEGMENT_VERSION}`)
  bytes.write(`${SEGMENT_VERSION + 1}`, at, 'latin1')
  await expect(format.read(bytes, clicks, 'here')).rejects.toMatchObject({ code: 'STORE_TOO_NEW' })
  await rm(folder, { recursive: true })
})
