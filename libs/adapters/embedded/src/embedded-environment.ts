// One LMDB environment in a folder: named databases of sealed values, read in snapshots and written in transactions that are durable
// when they resolve. Several processes may open the same folder; a writer that is killed leaves all of a transaction or nothing.
//
// Writes that are asked for while a transaction is being flushed share the next one, so that many in flight cost one flush. Each is still
// atomic by itself: what it puts is staged until its action has returned. LMDB does not notice damage, so each value is sealed with a
// checksum and each database has a count of entries of our own, changed in the same transaction and compared before the next.

import { resolve } from 'node:path'
import { asTidemarkError } from './embedded-errors.ts'
import { createDatabases, type EmbeddedDatabase } from './embedded-databases.ts'
import { createReader, type Reader } from './embedded-reader.ts'
import { FILE_CALLS } from '@tidemark/machine/file-calls'
import { checkFolderFormat, formatGone, writeFolderFormat } from './folder-format.ts'
import { openLmdb, type Durability } from './lmdb-store.ts'
import { makeFolders } from '@tidemark/machine/make-folders'
import { verifyEmbeddedFolder, type DerivedDatabases } from './verify-folder.ts'
import { createWriteQueue, type Writer } from './write-queue.ts'

export interface EmbeddedEnvironmentOptions {
  /** Made where it does not exist. On a local disk: LMDB does not work over a network. */
  readonly folder: string
  /** Default: 'disk'. */
  readonly durability?: Durability
  /** Reads every value in a child process first, which a damaged file may crash; default: true. */
  readonly verify?: boolean
  /** Databases in which a damaged value is no damage to the folder; default: none. */
  readonly derived?: DerivedDatabases
}

export interface EmbeddedEnvironment extends AsyncDisposable {
  readonly folder: string
  /** Opens a named database, or makes it; twice is the same one. STORE_DAMAGED. */
  database(name: string): Promise<EmbeddedDatabase>
  /** Runs the action on one snapshot, the newest there is. The action is synchronous; what it iterates over ends with it. */
  read<T>(action: (reader: Reader) => T): T
  /**
   * Runs the action in a write transaction and resolves with its result once that is durable. The action is synchronous and reads the state
   * before it; what it puts and removes takes effect, all at once, when it returns. Where it throws, nothing of it is written and the
   * promise is rejected with what it threw. STORE_FULL, STORE_DAMAGED.
   */
  write<T>(action: (writer: Writer) => T): Promise<T>
}

/** STORE_DAMAGED, STORE_TOO_NEW, STORE_FULL, STORE_UNAVAILABLE. */
export async function openEmbeddedEnvironment({ folder, durability = 'disk', verify = true, derived }: EmbeddedEnvironmentOptions): Promise<EmbeddedEnvironment> {
  try {
    await makeFolders(resolve(folder), FILE_CALLS)
    const isMade = checkFolderFormat(folder)
    if (isMade && verify) await verifyEmbeddedFolder(folder, derived)
    const root = openLmdb(folder, { durability, readOnly: false })
    const databases = createDatabases(root, folder, isMade)
    if (!isMade) {
      // Databases are opened after FORMAT is there: where there are some, another process made the folder meanwhile, or FORMAT is gone.
      if (databases.listedCount() > 0 && !checkFolderFormat(folder)) throw formatGone(folder)
      await writeFolderFormat(folder)
    }
    const reader = createReader(folder)
    const queue = createWriteQueue(root, reader, databases, folder)
    return {
      folder,
      database: (name) => queue.between(() => databases.open(name)),
      read(action) {
        root.resetReadTxn()
        try {
          return action(reader)
        } catch (error) {
          throw asTidemarkError(error, folder)
        }
      },
      write: (action) => queue.write(action),
      async [Symbol.asyncDispose]() {
        await queue.close()
        await root.close()
      },
    }
  } catch (error) {
    throw asTidemarkError(error, folder)
  }
}
