// Files that a command writes itself: whole or not at all.
import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { problemError } from './failure.ts'

/** Refuses a path that is taken by anything but a file that may be overwritten. Throws OUTPUT_FAILED. */
export function requireFree(path: string, mayOverwrite: boolean): void {
  const taken = statOf(path)
  if (taken === undefined || (taken.isFile() && mayOverwrite)) return
  if (taken.isFile()) throw problemError('OUTPUT_FAILED', 'There is a file of this name.', path, 'Name another output, or give --overwrite to replace it.')
  throw problemError('OUTPUT_FAILED', taken.isDirectory() ? 'It is a folder.' : 'It is not a plain file.', path, 'Name a file to write to.')
}

/** Writes text beside `path` and renames it, so that nobody reads half of it. Throws OUTPUT_FAILED. */
export function writeWhole(path: string, text: string, mayOverwrite: boolean): void {
  requireFree(path, mayOverwrite)
  try {
    const folder = mkdtempSync(join(dirname(resolve(path)), `.${basename(path)}-`))
    try {
      writeFileSync(join(folder, 'text'), text)
      renameSync(join(folder, 'text'), path)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  } catch (error) {
    throw writingFailed(path, error)
  }
}

/** An error of the file system as OUTPUT_FAILED. */
export function writingFailed(path: string, error: unknown): Error {
  if (!(error instanceof Error) || !('code' in error)) throw error
  const advice = 'Check that its folder exists and may be written, and that the disk has room.'
  return problemError('OUTPUT_FAILED', `It cannot be written: ${reasonOf(error)}.`, path, advice, error)
}

/** What the system said, without the call and the path: `no space left on device`. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.replace(/^E[A-Z]+: /, '').replace(/, \w+( '.*)?$/, '')
}

function statOf(path: string): ReturnType<typeof statSync> | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    throw writingFailed(path, error)
  }
}
