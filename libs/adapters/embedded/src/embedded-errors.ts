// What LMDB and the file system say, in the project's codes. Every error of the vendor passes through here.

import { types } from 'node:util'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'

/** LMDB's own codes of data that is not what it wrote: MDB_PAGE_NOTFOUND, MDB_CORRUPTED, MDB_PANIC, MDB_VERSION_MISMATCH, MDB_INVALID. */
const DAMAGE_CODES: ReadonlySet<unknown> = new Set([-30797, -30796, -30795, -30794, -30793])
const MDB_MAP_FULL = -30792
/** EFBIG, ENOSPC, EDQUOT, as numbers (LMDB) and as names (Node). */
const FULL_CODES: ReadonlySet<unknown> = new Set([27, 28, 122, MDB_MAP_FULL, 'EFBIG', 'ENOSPC', 'EDQUOT'])
const EIO = 5

export function damaged(where: string, message: string, options?: ErrorOptions): TidemarkError {
  const action = 'Stop every process that uses the data folder, keep it for whoever looks into it, and put the last backup of all of it (lmdb and objects together) in its place. Without one, begin anew: `tidemark dev --data` with another folder, and send the events again; those that were sealed are also in the Parquet files under objects/archive, with their bytes.'
  return problem('STORE_DAMAGED', where, message, action, options)
}

/** Of what is computed anew, the rest being sound. */
export function damagedDerived(where: string, message: string): TidemarkError {
  return problem('STORE_DAMAGED', where, message, 'Start `tidemark dev` on the folder: everything else in it is sound, and it empties what is damaged and computes it anew from the log. Look at the disk.')
}

export function damagedObject(where: string, message: string): TidemarkError {
  return problem('STORE_DAMAGED', where, message, 'Put the files of this object back from a backup of the data folder: they are in its folder under objects, and those of the archive never change. Everything else can stay as it is.')
}

export function tooNew(where: string, version: number, newestKnown: number): TidemarkError {
  return problem('STORE_TOO_NEW', where, `It has format version ${version}; this release reads up to ${newestKnown}.`, 'Use the release that wrote it, or a newer one.')
}

export function unavailable(where: string, message: string, options?: ErrorOptions): TidemarkError {
  return problem('STORE_UNAVAILABLE', where, message, 'See that the folder is on a local disk and that this process may read and write it.', options)
}

/** The coded error of something that LMDB or the file system threw; what is coded already stays as it is, and a bug stays a bug. */
export function asTidemarkError(error: unknown, where: string): unknown {
  // Node's own errors may be of another realm than this file's, whose Error they are no instances of.
  if (error instanceof TidemarkError || !types.isNativeError(error)) return error
  const code = (error as { code?: unknown }).code
  if (DAMAGE_CODES.has(code) || code === EIO || code === 'EIO') return damaged(where, `Reading it fails ("${error.message}").`, { cause: error })
  if (FULL_CODES.has(code)) return problem('STORE_FULL', where, `There is no room to write ("${error.message}").`, 'Make room on the disk; everything that was acknowledged is kept, and nothing of this write.', { cause: error })
  if (code !== undefined) return unavailable(where, `It cannot be used ("${error.message}").`, { cause: error })
  return error
}

/** The same of an error that a commit failed with. LMDB says EIO of a write that the disk took a part of, which is what a full one does. */
export function asCommitError(error: unknown, where: string): unknown {
  if ((error as { code?: unknown }).code !== EIO) return asTidemarkError(error, where)
  return problem('STORE_FULL', where, 'The disk did not take all of a write: it is full, or it fails.', 'Make room on the disk, or look after it; everything that was acknowledged is kept, and nothing of this write.', { cause: error })
}

function problem(code: ErrorCode, where: string, message: string, action: string, options?: ErrorOptions): TidemarkError {
  return new TidemarkError([{ code, message, where, action }], options)
}
