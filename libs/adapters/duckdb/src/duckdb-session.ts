// The one place that opens DuckDB: an in-memory database that keeps to its limits and spills into a folder of its own, which goes
// with it. Each query of the engine has a session: a schema for its tables and its own connections, gone together at the end.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { DuckDBInstance, type DuckDBConnection, type DuckDBDataChunk } from '@duckdb/node-api'
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

export interface DuckDb extends AsyncDisposable {
  /** `signal` ends what runs; whoever waits for it, or asks afterwards, gets its reason. */
  openSession(signal?: AbortSignal): Promise<DuckDbSession>
}

export type SqlRow = Readonly<Record<string, unknown>>

/** Some 2,048 rows of a result. */
export interface ResultChunk {
  readonly names: readonly string[]
  readonly chunk: DuckDBDataChunk
}

/** Disposing ends what runs; what is asked afterwards fails. */
export interface DuckDbSession extends AsyncDisposable {
  /** The schema that this session's tables are in; it is dropped at the end. */
  readonly schema: string
  /** Its first connection, for appenders: they work at once, with nothing to wait for. */
  readonly connection: DuckDBConnection
  /** Runs a statement. */
  run(sql: string): Promise<void>
  /** All rows of a query, as JavaScript values (BIGINT and HUGEINT as bigint). */
  rows(sql: string): Promise<SqlRow[]>
  /** The rows of a query as DuckDB makes them, on a connection of its own, so that streams can be read side by side. */
  chunks(sql: string): AsyncGenerator<ResultChunk>
  /** Throws where it was told to end, with the signal's reason, or is disposed: what failed then says nothing of what was read. */
  throwIfEnded(): void
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
  })
  // Times are written as UTC, whatever the machine's own zone is.
  await setGlobal(instance, `TimeZone = 'UTC'`)
  // DuckDB heeds this limit only where it is set after the folder.
  if (limits.temporaryMaxBytes !== undefined) await setGlobal(instance, `max_temp_directory_size = '${limits.temporaryMaxBytes}B'`)
  const sessions = new Set<Connections>()
  let sessionCount = 0
  return {
    async openSession(signal) {
      const connections = new Connections(instance, signal)
      sessions.add(connections)
      return openSession(connections, `query_${sessionCount++}`, () => sessions.delete(connections))
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(Array.from(sessions, (connections) => connections.close()))
      instance.closeSync()
      process.off('exit', removeSpillFolder)
      removeSpillFolder()
    },
  }
}

async function setGlobal(instance: DuckDBInstance, setting: string): Promise<void> {
  const connection = await instance.connect()
  await connection.run(`SET GLOBAL ${setting}`)
  connection.closeSync()
}

async function openSession(connections: Connections, schema: string, forget: () => void): Promise<DuckDbSession> {
  const connection = await connections.open()
  const run = async (sql: string): Promise<void> => void (await connections.watch(() => connection.run(sql)))
  await run(`CREATE SCHEMA ${schema}`)
  return {
    schema,
    connection,
    run,
    async rows(sql) {
      const reader = await connections.watch(() => connection.runAndReadAll(sql))
      return reader.getRowObjectsJS()
    },
    chunks: (sql) => streamChunks(connections, sql),
    throwIfEnded: () => connections.throwIfEnded(),
    async [Symbol.asyncDispose]() {
      if (connections.isClosed) return
      await connections.leaveSignal()
      await connections.interrupt()
      await run(`DROP SCHEMA ${schema} CASCADE`)
      await connections.close()
      forget()
    },
  }
}

async function* streamChunks(connections: Connections, sql: string): AsyncGenerator<ResultChunk> {
  const connection = await connections.open()
  try {
    const result = await connections.watch(() => connection.stream(sql))
    const names = result.columnNames()
    for (;;) {
      const chunk = await connections.watch(() => result.fetchChunk())
      if (chunk === null || chunk.rowCount === 0) return
      yield { names, chunk }
    }
  } finally {
    connections.release(connection)
  }
}

const INTERRUPT_AGAIN_MS = 20

/** The connections of a session and what runs on them: a connection must not be closed under a query, or the process ends with it. */
class Connections {
  readonly #instance: DuckDBInstance
  readonly #open = new Set<DuckDBConnection>()
  readonly #running = new Set<Promise<unknown>>()
  #signal: AbortSignal | undefined
  #aborting: Promise<void> = Promise.resolve()
  #closed = false

  constructor(instance: DuckDBInstance, signal?: AbortSignal) {
    this.#instance = instance
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  readonly #onAbort = (): void => void (this.#aborting = this.interrupt())

  /** Is not to be told to end any more: what is left to do is to clean up. */
  async leaveSignal(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#signal = undefined
    await this.#aborting
  }

  get isClosed(): boolean {
    return this.#closed
  }

  async open(): Promise<DuckDBConnection> {
    const connection = await this.watch(() => this.#instance.connect())
    this.#open.add(connection)
    return connection
  }

  /** Closes a connection that runs nothing, and drops what is left of its result. */
  release(connection: DuckDBConnection): void {
    if (!this.#open.delete(connection)) return
    connection.interrupt()
    connection.closeSync()
  }

  throwIfEnded(): void {
    if (this.#closed) throw new Error('The query was ended: its result or its engine is disposed.')
    this.#signal?.throwIfAborted()
  }

  async watch<T>(start: () => Promise<T>): Promise<T> {
    this.throwIfEnded()
    const running = start()
    this.#running.add(running)
    try {
      return await running
    } catch (error) {
      this.#signal?.throwIfAborted()
      return rethrowCoded(error)
    } finally {
      this.#running.delete(running)
    }
  }

  /** Ends what runs. A statement that has not begun yet does not hear the first call, so it is repeated until all is quiet. */
  async interrupt(): Promise<void> {
    while (this.#running.size > 0) {
      for (const connection of this.#open) connection.interrupt()
      await Promise.race([Promise.allSettled(this.#running), setTimeout(INTERRUPT_AGAIN_MS)])
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.leaveSignal()
    await this.interrupt()
    for (const connection of this.#open) this.release(connection)
  }
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

/** What DuckDB says first, without its full stop; the rest is advice about its own options. */
export function messageOf(error: unknown): string {
  return String((error as { message?: unknown }).message ?? error).split('\n', 1)[0]!.replace(/\.$/, '')
}

function makeSpillFolder(parent: string): string {
  try {
    return mkdtempSync(join(parent, 'tidemark-duckdb-'))
  } catch (error) {
    throw coded('OUTPUT_FAILED', `No folder for intermediate results can be made in ${parent}.`, parent, 'Name a temporary folder that exists and may be written.', error)
  }
}
