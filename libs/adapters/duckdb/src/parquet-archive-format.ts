// Segments of the archive as Parquet files (archive-columns.ts has their columns), written and read by DuckDB. An engine reads the segments
// of its own schema version where they are; those of another version are decoded again into files of their own.

import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { ArchiveFormat, ArchiveInput, ArchiveOpening, SegmentBuilder, SegmentObject, SegmentPlace } from '@tidemark/ports/archive-format'
import { readSegment, SEGMENT_LOG_COLUMNS, SEGMENT_VERSION, SEGMENT_VERSION_KEY, SegmentColumns, type ReadSegment } from './archive-columns.ts'
import { coded, messageOf, openDuckDb, rethrowCoded, type DuckDb, type DuckDbLimits } from './duckdb-session.ts'
import { literalPath } from './input-files.ts'
import { quoteText } from './sql-text.ts'

/** A format on a database of its own. Dispose it at the end; what it opened must be disposed before. */
export async function createParquetArchiveFormat(limits: DuckDbLimits = {}): Promise<ArchiveFormat & AsyncDisposable> {
  const database = await openDuckDb(limits)
  const folder = mkdtempSync(join(limits.temporaryFolder ?? tmpdir(), 'tidemark-archive-'))
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('exit', removeFolder)
  let fileCount = 0
  const files: TemporaryFiles = { database, nextPath: () => join(folder, `${fileCount++}.parquet`) }
  return {
    extension: 'parquet',
    begin: (place) => begin(files, place),
    open: (opening) => open(files, opening),
    read: async (bytes, source, where) => (await read(files, bytes, source, where)).records,
    async [Symbol.asyncDispose]() {
      process.off('exit', removeFolder)
      await database[Symbol.asyncDispose]()
      removeFolder()
    },
  }
}

interface TemporaryFiles {
  readonly database: DuckDb
  nextPath(): string
}

function begin(files: TemporaryFiles, place: SegmentPlace): SegmentBuilder {
  const columns = new SegmentColumns(place)
  return {
    add: (record) => columns.add(record),
    async finish() {
      await using file = temporaryFile(files)
      await writeSegment(files, columns, file.path)
      return await readFile(file.path)
    },
  }
}

async function writeSegment({ database }: TemporaryFiles, columns: SegmentColumns, path: string): Promise<void> {
  await using session = await database.openSession()
  const rows = await columns.stage(session)
  await session
    .run(`COPY (${rows}) TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd, KV_METADATA {'${SEGMENT_VERSION_KEY}': '${SEGMENT_VERSION}'})`)
    .catch(rethrowCoded)
}

async function read({ database, ...files }: TemporaryFiles, bytes: Uint8Array, source: SourceDefinition | null, where: string): Promise<ReadSegment> {
  await using file = temporaryFile({ database, ...files })
  await writeFile(file.path, bytes)
  await using session = await database.openSession()
  const path = literalPath(file.path)
  const damaged = (error: unknown): never => {
    throw coded('STORE_DAMAGED', `It cannot be read as a Parquet segment: ${messageOf(error)}.`, where, 'Restore the object; the archive is never rewritten.', error)
  }
  const [metadata] = await session.rows(`SELECT decode(value) AS version FROM parquet_kv_metadata(${path}) WHERE decode(key) = '${SEGMENT_VERSION_KEY}'`).catch(damaged)
  const version = Number(metadata?.['version'] ?? NaN)
  if (version > SEGMENT_VERSION) throw coded('STORE_TOO_NEW', `It has format version ${version}; this release reads up to ${SEGMENT_VERSION}.`, where, 'Upgrade this layer before the archiver.')
  if (Number.isNaN(version)) damaged(new Error('it has no format version'))
  return await readSegment(session, path, source).catch(damaged)
}

/** One file after the other, so that as many are open as an engine reads anyway. */
async function open(files: TemporaryFiles, opening: ArchiveOpening): Promise<ArchiveInput> {
  const { source, segments } = opening
  await using opened = new AsyncDisposableStack()
  const paths: string[] = []
  for (const segment of segments) {
    if (segment.sourceVersion === source.version) {
      if (!segment.isRejected) paths.push(await openOwn(opening, segment, opened))
    } else {
      const decoded = await decodeAgain(files, opening, segment, opened)
      if (decoded !== null) paths.push(decoded)
    }
  }
  const kept = opened.move()
  const input = { source, columns: SEGMENT_LOG_COLUMNS }
  return {
    input: paths.length === 0 ? { ...input, kind: 'records', records: [] } : { ...input, kind: 'files', format: 'parquet', paths },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

async function openOwn({ objects }: ArchiveOpening, segment: SegmentObject, opened: AsyncDisposableStack): Promise<string> {
  const { path } = opened.use(await objects.open(segment.key))
  assertIntact(await readFile(path), segment)
  return path
}

/** The events of a segment of another version, in a file of this one; null: there are none. */
async function decodeAgain(files: TemporaryFiles, { source, objects, decode }: ArchiveOpening, segment: SegmentObject, opened: AsyncDisposableStack): Promise<string | null> {
  const object = await objects.get(segment.key)
  if (object === null) throw coded('OBJECT_MISSING', 'There is no such object.', segment.key, 'Restore it; objects of the archive are never deleted by Tidemark.')
  assertIntact(object.bytes, segment)
  const found = await read(files, object.bytes, null, segment.key)
  const columns = new SegmentColumns({ source, partition: found.partition, epoch: found.epoch })
  const rows = await decode(found.records.map(({ record }) => record))
  let count = 0
  for (const [i, archived] of found.records.entries()) {
    const row = rows[i]!
    if (row === null) continue
    columns.add({ ...archived, row, rejection: null })
    count++
  }
  if (count === 0) return null
  const file = opened.use(temporaryFile(files))
  await writeSegment(files, columns, file.path)
  return file.path
}

function assertIntact(bytes: Uint8Array, { key, sizeBytes, checksum }: SegmentObject): void {
  if (bytes.byteLength === sizeBytes && crc32(bytes) === checksum) return
  throw coded('STORE_DAMAGED', 'Its size or checksum is not what the manifest says.', key, 'Restore the object; the archive is never rewritten.')
}

function temporaryFile({ nextPath }: TemporaryFiles): { readonly path: string } & AsyncDisposable {
  const path = nextPath()
  return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) }
}
