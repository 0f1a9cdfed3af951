// Loads a definitions file that is a program, in a thread of its own: it may do anything, never end for one, or end its process. There it ends nobody
// else, and is given up after a limit, or where nobody waits for it any more; and it can be loaded again when it has changed.

import { Worker } from 'node:worker_threads'
import type { Definitions } from '@tidemark/feature-schema/definition'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import { inputProblem } from './input-problem.ts'
import { moduleProblem } from './import-definitions.ts'

/** A definitions file that takes longer never ends. */
export const DEFINITIONS_LOAD_LIMIT_MS = 30_000

export interface LoadOptions {
  /** Gives the file up where it is aborted. */
  readonly signal?: AbortSignal
  readonly limitMs?: number
}

/** What the thread says once the file has run. */
export type LoadedModule =
  | { readonly definitions: Definitions }
  | { readonly problems: readonly [Problem, ...Problem[]] }

/** What it defines, not yet checked. Throws DEFINITION_INVALID, or the signal's reason; when it ends, nothing of the file runs any more. */
export async function loadModule(path: string, { signal, limitMs = DEFINITIONS_LOAD_LIMIT_MS }: LoadOptions = {}): Promise<Definitions> {
  signal?.throwIfAborted()
  const thread = new Worker(new URL('./load-module-thread.ts', import.meta.url), { workerData: path, stdout: true })
  // stdout belongs to what the process has to say.
  thread.stdout.pipe(process.stderr)
  const limit = AbortSignal.timeout(limitMs)
  const ending = signal === undefined ? limit : AbortSignal.any([limit, signal])
  const giveUp = (): void => void thread.terminate()
  ending.addEventListener('abort', giveUp, { once: true })
  try {
    const loaded = await saidBy(thread, path)
    if (loaded !== null && 'problems' in loaded) throw new TidemarkError(loaded.problems)
    if (loaded !== null) return loaded.definitions
  } finally {
    ending.removeEventListener('abort', giveUp)
    await thread.terminate()
  }
  signal?.throwIfAborted()
  if (limit.aborted) throw inputProblem('DEFINITION_INVALID', `It cannot be loaded within ${limitMs / 1_000} s.`, path, 'Take the loop, or the await, that does not end out of it and what it imports.')
  throw inputProblem(
    'DEFINITION_INVALID', 'It ended before its definitions were there: it ends the process, or waits for something that never comes.', path,
    'Take process.exit, and an await that is never answered, out of it and what it imports.',
  )
}

/** null: the thread ended without a word. Throws DEFINITION_INVALID where it failed. */
function saidBy(thread: Worker, path: string): Promise<LoadedModule | null> {
  return new Promise((resolve, reject) => {
    thread.once('message', resolve)
    thread.once('error', (error: unknown) => reject(moduleProblem(path, error)))
    thread.once('exit', () => resolve(null))
  })
}
