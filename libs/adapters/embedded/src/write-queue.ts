// Writes wait here for the next transaction. One transaction is under way at a time, and takes all that are waiting when it begins.
//
// Each write is staged and then applied; a transaction is a child of LMDB's own, so that anything unforeseen between two puts takes all of
// it back. A transaction that LMDB cannot commit (a full disk) rejects every write in it: none of them was acknowledged.

import type { Databases, EmbeddedDatabase } from './embedded-databases.ts'
import { asCommitError, asTidemarkError } from './embedded-errors.ts'
import type { Reader } from './embedded-reader.ts'
import { entryCountOf, KEY_SIZE_MAX_BYTES, type LmdbRoot } from './lmdb-store.ts'
import { SEAL_BYTES, writeSeal } from './sealed-value.ts'

export interface Writer extends Reader {
  put(database: EmbeddedDatabase, key: Uint8Array, value: Uint8Array): void
  /** What is not there stays away. */
  remove(database: EmbeddedDatabase, key: Uint8Array): void
}

export interface WriteQueue {
  write<T>(action: (writer: Writer) => T): Promise<T>
  /** Runs something while no transaction is under way. */
  between<T>(action: () => T): Promise<T>
  close(): Promise<void>
}

/** Bytes that one transaction takes before the rest waits for the next: what is dirty is held in memory until it is flushed. */
const TRANSACTION_SIZE_MAX_BYTES = 64 * 1024 * 1024
/** Larger values are sealed in a buffer of their own. */
const SCRATCH_BYTES = 256 * 1024

interface Command {
  readonly action: (writer: Writer) => unknown
  resolve(value: unknown): void
  reject(error: unknown): void
}

type Outcome = { readonly command: Command; readonly value: unknown; readonly failed: boolean }

interface Stage {
  readonly database: EmbeddedDatabase
  readonly key: Uint8Array
  /** null: to be removed. */
  readonly value: Uint8Array | null
}

export function createWriteQueue(root: LmdbRoot, reader: Reader, databases: Databases, folder: string): WriteQueue {
  const waiting: Command[] = []
  const staged: Stage[] = []
  const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  let running: Promise<void> | null = null
  let isClosed = false

  const writer: Writer = {
    ...reader,
    put(database, key, value) {
      if (key.length < 1 || key.length > KEY_SIZE_MAX_BYTES) throw new Error(`A key has ${key.length} bytes; from 1 to ${KEY_SIZE_MAX_BYTES} are possible.`)
      staged.push({ database, key, value })
    },
    remove(database, key) {
      staged.push({ database, key, value: null })
    },
  }

  function start(): void {
    running ??= run().finally(() => {
      running = null
      if (waiting.length > 0) start()
    })
  }

  async function run(): Promise<void> {
    let outcomes: readonly Outcome[] = []
    let taken: readonly Command[] = []
    try {
      await root.childTransaction(() => {
        taken = waiting.splice(0)
        outcomes = runAll(taken)
        waiting.unshift(...taken.slice(outcomes.length))
      })
    } catch (error) {
      const commitError = await commitErrorOf(error)
      const cause = commitError === error ? asTidemarkError(error, folder) : asCommitError(commitError, folder)
      for (const command of outcomes.length > 0 ? outcomes.map((outcome) => outcome.command) : taken.length > 0 ? taken : waiting.splice(0)) command.reject(cause)
      return
    }
    for (const { command, value, failed } of outcomes) {
      if (failed) command.reject(asTidemarkError(value, folder))
      else command.resolve(value)
    }
  }

  /** Runs commands until there are none or the transaction is large enough; those that it did not come to have no outcome. */
  function runAll(commands: readonly Command[]): Outcome[] {
    const outcomes: Outcome[] = []
    const countsBefore = new Map<EmbeddedDatabase, number>()
    let sizeBytes = 0
    for (const command of commands) {
      if (sizeBytes > TRANSACTION_SIZE_MAX_BYTES) break
      staged.length = 0
      try {
        outcomes.push({ command, value: command.action(writer), failed: false })
      } catch (error) {
        outcomes.push({ command, value: error, failed: true })
        continue
      }
      for (const stage of staged) sizeBytes += apply(stage, countsBefore)
    }
    for (const [database, before] of countsBefore) {
      const after = entryCountOf(database.lmdb)
      if (after !== before) databases.putCount(database, after)
    }
    return outcomes
  }

  function apply({ database, key, value }: Stage, countsBefore: Map<EmbeddedDatabase, number>): number {
    if (!countsBefore.has(database)) countsBefore.set(database, databases.checkCount(database))
    if (value === null) {
      void database.lmdb.remove(key)
      return key.length
    }
    const sizeBytes = SEAL_BYTES + value.length
    const sealed = sizeBytes <= SCRATCH_BYTES ? scratch.subarray(0, sizeBytes) : Buffer.allocUnsafeSlow(sizeBytes)
    sealed.set(value, SEAL_BYTES)
    writeSeal(sealed, database.seed, key)
    void database.lmdb.put(key, sealed)
    return key.length + sizeBytes
  }

  function enqueue<T>(action: (writer: Writer) => T): Promise<T> {
    if (isClosed) return Promise.reject(new Error(`The environment in ${folder} is closed.`))
    return new Promise<T>((resolve, reject) => {
      waiting.push({ action, resolve: resolve as (value: unknown) => void, reject })
      start()
    })
  }

  return {
    write: enqueue,
    async between(action) {
      while (running !== null) await running
      if (isClosed) throw new Error(`The environment in ${folder} is closed.`)
      return action()
    },
    async close() {
      isClosed = true
      while (running !== null) await running
    },
  }
}

/** lmdb rejects with an error that has the real one in a promise. */
async function commitErrorOf(error: unknown): Promise<unknown> {
  const commitError = (error as { commitError?: Promise<never> }).commitError
  if (commitError === undefined) return error
  return commitError.catch((cause: unknown) => cause)
}
