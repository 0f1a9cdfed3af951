// The operator of a history's views: gates, nonsense that a gate misses, and the rollbacks from it. Nothing is judged of a generation that
// was built from nonsense; once the pointer was rolled back past it, nothing of it may ever show.

import type { Random } from '@tidemark/aggregation/testing/random'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { EpochOpener } from '@tidemark/pipelines/batch/generation-run'
import { rollBack } from '@tidemark/pipelines/batch/move-pointer'
import type { GateOptions } from '@tidemark/pipelines/batch/quality-gate'
import { viewId } from '@tidemark/pipelines/names'
import { readPointer } from '@tidemark/pipelines/pointer'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { BatchMachine } from './actors.ts'

export interface Troubles {
  readonly blockedShare: number
  readonly nonsenseShare: number
}

export const NO_TROUBLES: Troubles = { blockedShare: 0, nonsenseShare: 0 }

export class Operator {
  readonly plan: ViewPlan
  private readonly random: Random
  private readonly nonsense = new Set<number>()
  /** Generation → what it was built on. */
  private readonly bases = new Map<number, number>()

  constructor(plan: ViewPlan, random: Random) {
    this.plan = plan
    this.random = random
  }

  /** What a run is made of: now and then its upstream is broken, and its gate may see it or not. */
  nextRun({ blockedShare, nonsenseShare }: Troubles): ReturnType<BatchMachine['nextRun']> {
    const { random, bases, nonsense } = this
    const isNonsense = random.chance(nonsenseShare)
    const isBlocked = random.chance(blockedShare)
    const check: GateOptions['check'] = ({ n, base }) => {
      bases.set(n, base)
      if (isNonsense && !isBlocked) nonsense.add(n)
      return isBlocked ? [{ rule: 'upstream', message: 'The upstream is broken.' }] : []
    }
    return {
      isTakingOver: random.chance(0.2),
      gate: { isEmptyAllowed: true, rejectedShareMax: 1, nullShareRiseMax: 1, check },
      ...(isNonsense && { changeEpochs: withEverythingTwice }),
    }
  }

  isSane(n: number): boolean {
    for (let at = n; at > 0; at = this.bases.get(at) ?? 0) if (this.nonsense.has(at)) return false
    return true
  }

  /** Goes back from nonsense; else anywhere that is sane, unless only nonsense is looked for. */
  async operate(registers: RegisterStore, isOnlyNonsense = false): Promise<void> {
    try {
      const view = viewId(this.plan.view)
      const { pointer: { n, published } } = await readPointer(registers, view)
      if (isOnlyNonsense && this.isSane(n)) return
      const sane = published.map((generation) => generation.n).filter((one) => this.isSane(one))
      const to = this.isSane(n) ? (sane.length > 0 ? this.random.pick(sane) : undefined) : sane.filter((one) => one < n).at(-1)
      if (to === undefined || to === n) return
      await rollBack(registers, view, to)
    } catch (error) {
      if (!(error instanceof TidemarkError) || !['ROLLBACK_REFUSED', 'POINTER_MOVED', 'STORE_UNAVAILABLE'].includes(error.code)) throw error
    }
  }
}

/** What a broken upstream gives: each event twice. */
function withEverythingTwice(open: EpochOpener): EpochOpener {
  return async (...asked) => {
    const epochs = await open(...asked)
    const { input } = epochs
    if (input.kind !== 'records') return epochs
    const again = input.records.map((record) => ({ ...record, $offset: Number(record['$offset']) + 1_000_000 }))
    return { ...epochs, input: { ...input, records: [...input.records, ...again] }, [Symbol.asyncDispose]: () => epochs[Symbol.asyncDispose]() }
  }
}
