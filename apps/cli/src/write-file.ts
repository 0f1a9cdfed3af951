// Files that a command writes itself: whole or not at all.
import { globSync, mkdtempSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { problemError, usageError } from './failure.ts'

/**
 * Refuses a path that is taken by anything but a file that may be overwritten, and whatever is asked, one of `inputs`, which are files, patterns and
 * folders: what is made from them must not replace them. Throws OUTPUT_FAILED or USAGE.
 */
export function requireFree(path: string, mayOverwrite: boolean, inputs: readonly string[]): void {
  const input = inputs.find((each) => isPartOf(path, each))
  if (input !== undefined) throw usageError(`The output is, or lies in, what it is made from: ${input}.`, `--out ${path}`, 'Name another output.')
  const taken = statOf(path)
  if (taken === undefined || (taken.isFile() && mayOverwrite)) return
  if (taken.isFile()) throw problemError('OUTPUT_FAILED', 'There is a file of this name.', path, 'Name another output, or give --overwrite to replace it.')
  throw problemError('OUTPUT_FAILED', taken.isDirectory() ? 'It is a folder.' : 'It is not a plain file.', path, 'Name a file to write to.')
}

/** Whether a path is a file that the input names, by whatever links, or lies in the folder that it is. */
function isPartOf(path: string, input: string): boolean {
  const file = identityOf(path)
  if (file !== null && [input, ...globSync(input)].some((named) => identityOf(named) === file)) return true
  return `${realPathOf(dirname(resolve(path)))}${sep}`.startsWith(`${realPathOf(input)}${sep}`)
}

/** What tells a file from all others, whatever its names; null where there is none that could be looked at. */
function identityOf(path: string): string | null {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return null
  }
}

/** The path without links; as it is where it leads nowhere. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}

/** Writes text beside `path` and renames it, so that nobody reads half of it. Throws what `requireFree` throws. */
export function writeWhole(path: string, text: string, mayOverwrite: boolean, inputs: readonly string[]): void {
  requireFree(path, mayOverwrite, inputs)
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
