// A definitions file while it is being edited: what it and the files it imports say is looked at twice a second. Looking works on every file system,
// and bears editors that replace files.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { types } from 'node:util'
import type { WaitingClock } from '@tidemark/ports/clock'

const LOOK_EVERY_MS = 500

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
