// A definitions file while it is being edited: what it and the files it imports say is looked at twice a second, and loaded in a process of its own
// where it changed, because a module runs once in a process. Looking works on every file system, and bears editors that replace files.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { types } from 'node:util'
import type { Definitions } from '@tidemark/feature-schema/definition'
import { parseDefinitions } from '@tidemark/feature-schema/definitions-json'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { WaitingClock } from '@tidemark/ports/clock'
import { problemError } from '../failure.ts'

const LOOK_EVERY_MS = 500
/** A definitions file that takes longer never ends. */
const LOAD_MAX_MS = 15_000
const OUTPUT_SIZE_MAX_BYTES = 64 * 1_048_576
const COMMAND = join(import.meta.dirname, '..', '..', 'bin', 'tidemark.js')
const END_WITH_PARENT = pathToFileURL(join(import.meta.dirname, 'end-with-parent.ts')).href

/** A mark of what the file and its imports hold; it changes when one of them does. */
export function markOfModules(path: string): string {
  const hash = createHash('sha256')
  for (const file of filesOfModules(path)) hash.update(JSON.stringify([file, textOf(file)]))
  return hash.digest('hex')
}

/** The file and those of one's own that it imports. */
export function filesOfModules(path: string): string[] {
  const files = new Set([resolve(path)])
  // A set that grows while it is walked is walked to its end.
  for (const file of files) for (const imported of importsOf(file, textOf(file) ?? '')) files.add(imported)
  return [...files]
}

/**
 * Calls `onChange` after each change of the modules, one after the other, until the signal is aborted. Its signal is aborted where they changed again
 * meanwhile. `mark`: what they were when they were loaded.
 */
export async function watchModules(path: string, mark: string, clock: WaitingClock, signal: AbortSignal, onChange: (outdated: AbortSignal) => Promise<void>): Promise<void> {
  for (let known = mark; !signal.aborted; await clock.wait(LOOK_EVERY_MS, signal)) {
    const found = markOfModules(path)
    if (found === known) continue
    known = found
    const outdated = new AbortController()
    let isDone = false
    const change = onChange(AbortSignal.any([signal, outdated.signal])).finally(() => (isDone = true))
    do {
      await Promise.race([change, clock.wait(LOOK_EVERY_MS, signal)])
      if (!isDone && markOfModules(path) !== found) outdated.abort()
    } while (!isDone && !signal.aborted)
    await change
  }
}

/** What `loadSoundDefinitions` gives, by a process of its own, which ends where the signal is aborted or this one ends. Throws what it throws, or the signal's reason. */
export async function loadInChild(path: string, signal: AbortSignal): Promise<Definitions> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-definitions-'))
  try {
    const out = join(folder, 'definitions.json')
    const { isDone, stdout } = await runCommand(['plan', path, '--out', out, '--json'], signal)
    signal.throwIfAborted()
    if (!isDone) throw failureIn(stdout, path)
    return parseDefinitions(readFileSync(out, 'utf8'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function runCommand(args: readonly string[], signal: AbortSignal): Promise<{ readonly isDone: boolean; readonly stdout: string }> {
  return new Promise((done) => {
    const options = { timeout: LOAD_MAX_MS, signal, killSignal: 'SIGKILL', maxBuffer: OUTPUT_SIZE_MAX_BYTES, encoding: 'utf8' } as const
    execFile(process.execPath, ['--import', END_WITH_PARENT, COMMAND, ...args], options, (error, stdout) => done({ isDone: error === null, stdout }))
  })
}

/** What the child said of why it failed; a child that was killed said nothing. */
function failureIn(stdout: string, path: string): TidemarkError {
  const [first, ...others] = problemsIn(stdout)
  if (first !== undefined) return new TidemarkError([first, ...others])
  if (stdout !== '') return problemError('DEFINITION_INVALID', 'It cannot be loaded.', path, 'Run `tidemark check` on it.')
  return problemError('DEFINITION_INVALID', `It cannot be loaded within ${LOAD_MAX_MS / 1000} s.`, path, 'Take the loop, or the await, that does not end out of it and what it imports.')
}

function problemsIn(stdout: string): readonly Problem[] {
  try {
    return (JSON.parse(stdout) as { error?: { problems: readonly Problem[] } }).error?.problems ?? []
  } catch (error) {
    if (error instanceof SyntaxError) return []
    throw error
  }
}

/** null: it cannot be read, which is a state like any other. */
function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    // Errors of the file system have a code; they may be of another realm, whose Error they are instances of.
    if (types.isNativeError(error) && 'code' in error) return null
    throw error
  }
}

/** The files of one's own that a module names. A name in a comment is one too many, which harms nobody. */
function importsOf(file: string, text: string): string[] {
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*(['"])(\.{1,2}\/[^'"\n]+)\1/g)].map(([, , specifier]) => resolve(dirname(file), specifier!))
}
