// The one place that opens DuckDB: an in-memory database that keeps to its limits and spills into a folder of its own, which goes
// with it. Each query of the engine has a session: a schema for its tables and its own connections, gone together at the end.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'

export interface DuckDbLimits {
  /** Default: one thread a core. */
  readonly threads?: number
  /** Default: four fifths of the machine's memory. */
  readonly memoryLimitBytes?: number
  /** Where intermediate results go that exceed memory: a folder is made in it, and removed at the end. Default: the system's. */
  readonly temporaryFolder?: string
  /** Most that may be spilled. Default: nine tenths of what the disk has free. */
  readonly temporaryMaxBytes?: number
}

export interface DuckDb extends Disposable {
  openSession(): Promise<DuckDbSession>
}

export type SqlRow = Readonly<Record<string, unknown>>

export interface DuckDbSession extends AsyncDisposable {
  /** The schema that this session's tables are in; it is dropped at the end. */
  readonly schema: string
  readonly connection: DuckDBConnection
  /** Runs a statement on the session's first connection. */
  run(sql: string): Promise<void>
  /** All rows of a query, as JavaScript values (BIGINT and HUGEINT as bigint). */
  rows(sql: string): Promise<SqlRow[]>
  /** A further connection, for a stream that is read beside others; closed with the session at the latest. */
  connect(): Promise<DuckDBConnection>
  /** Interrupts what a connection runs and closes it. */
  release(connection: DuckDBConnection): void
}

/** Opens an empty in-memory database that keeps to `limits`. */
export async function openDuckDb(limits: DuckDbLimits = {}): Promise<DuckDb> {
  const spillFolder = makeSpillFolder(limits.temporaryFolder ?? tmpdir())
  const removeSpillFolder = (): void => rmSync(spillFolder, { recursive: true, force: true })
  process.once('exit', removeSpillFolder)
  const instance = await DuckDBInstance.create(':memory:', {
    temp_directory: spillFolder,
    autoinstall_known_extensions: 'false',
    ...(limits.threads !== undefined && { threads: String(limits.threads) }),
    ...(limits.memoryLimitBytes !== undefined && { memory_limit: `${limits.memoryLimitBytes}B` }),
    ...(limits.temporaryMaxBytes !== undefined && { max_temp_directory_size: `${limits.temporaryMaxBytes}B` }),
  })
  const connections = new Set<DuckDBConnection>()
  let sessionCount = 0
  return {
    openSession: () => openSession(instance, connections, `query_${sessionCount++}`),
    [Symbol.dispose]() {
      for (const open of connections) close(connections, open)
      instance.closeSync()
      process.off('exit', removeSpillFolder)
      removeSpillFolder()
    },
  }
}

async function openSession(instance: DuckDBInstance, connections: Set<DuckDBConnection>, schema: string): Promise<DuckDbSession> {
  const own = new Set<DuckDBConnection>()
  const connect = async (): Promise<DuckDBConnection> => {
    const connection = await instance.connect()
    connections.add(connection)
    own.add(connection)
    return connection
  }
  const connection = await connect()
  await connection.run(`CREATE SCHEMA ${schema}`)
  return {
    schema,
    connection,
    connect,
    release: (released) => {
      own.delete(released)
      close(connections, released)
    },
    async run(sql) {
      await connection.run(sql).catch(rethrowCoded)
    },
    async rows(sql) {
      const reader = await connection.runAndReadAll(sql).catch(rethrowCoded)
      return reader.getRowObjectsJS()
    },
    async [Symbol.asyncDispose]() {
      for (const open of own) if (open !== connection) close(connections, open)
      if (!connections.has(connection)) return
      connection.interrupt()
      await connection.run(`DROP SCHEMA ${schema} CASCADE`)
      close(connections, connection)
    },
  }
}

function close(connections: Set<DuckDBConnection>, connection: DuckDBConnection): void {
  if (!connections.delete(connection)) return
  connection.interrupt()
  connection.closeSync()
}

/** Throws the vendor's errors about space as coded ones, anything else as it is: a bug in our SQL. */
export function rethrowCoded(error: unknown): never {
  const message = messageOf(error)
  if (/no space left|failed to offload|max_temp_directory_size|could not write|failed to allocate|could not allocate/i.test(message)) {
    throw coded('OUTPUT_FAILED', `DuckDB ran out of memory and of room for intermediate results: ${message}.`, 'temporary folder',
      'Free some disk space, name another temporary folder, or raise the memory limit.', error)
  }
  throw error
}

export function coded(code: ErrorCode, message: string, where: string, action: string, cause?: unknown): TidemarkError {
  return new TidemarkError([{ code, message, where, action }], cause === undefined ? undefined : { cause })
}

/** What DuckDB says first; the rest is advice about its own options. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!
}

function makeSpillFolder(parent: string): string {
  try {
    return mkdtempSync(join(parent, 'tidemark-duckdb-'))
  } catch (error) {
    throw coded('OUTPUT_FAILED', `No folder for intermediate results can be made in ${parent}.`, parent, 'Name a temporary folder that exists and may be written.', error)
  }
}
