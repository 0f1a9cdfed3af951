// Moves a pointer back along its lineage, or forward again, down to the floor: there, and above, answers stay exact, because rows and
// speed sections are kept. A move voids nothing: what lies above is voided by the next run that is planned.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { readPointer, replacePointer, type Pointer } from '../pointer.ts'

/** Attempts against others who change the pointer at the same time. */
const ATTEMPTS_MAX = 20

/**
 * Makes the pointer read generation `n`. A run that is planned meanwhile on another generation cannot publish any more. Throws
 * ROLLBACK_REFUSED, or POINTER_MOVED where others change the pointer all the time.
 */
export async function rollBack(registers: RegisterStore, view: string, n: number): Promise<Pointer> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const { pointer, revision } = await readPointer(registers, view)
    const refusal = refuseMove(pointer, n)
    if (refusal !== null) throw refusal
    if (pointer.n === n) return pointer
    // What was judged is what is compared, so that no floor can rise in between, and nothing be voided.
    const replaced = await replacePointer(registers, revision, { ...pointer, n })
    if (replaced !== null) return replaced.pointer
  }
  throw new TidemarkError([{ code: 'POINTER_MOVED', message: 'Others changed the pointer at each attempt.', where: `view ${view}`, action: 'Look at the pointer, and try again.' }])
}

/** Why a pointer cannot go there; null: it can. */
function refuseMove({ view, n: now, floor, next, published }: Pointer, n: number): TidemarkError | null {
  if (published.some((generation) => generation.n === n)) return null
  const why = n < 1 || n >= next ? 'There is no such generation' : n < floor ? `The floor is generation ${floor}` : 'It is void, or not yet published'
  const choices = published.map((generation) => generation.n)
  return new TidemarkError([{
    code: 'ROLLBACK_REFUSED', message: `The pointer cannot go from generation ${now} to ${n}. ${why}.`, where: `view ${view}`,
    action: choices.length === 0 ? 'Run a batch first: nothing was published yet.' : `Choose one of ${choices.join(', ')}.`,
  }])
}
