import { describe, expect, it, jest } from '@jest/globals'
import { runHistory } from '../testing/archive-history.ts'
import type { ArchiveRules } from './archive-rules.ts'

jest.setTimeout(60_000)

const seeds = process.env.TIDEMARK_SEED === undefined ? Array.from({ length: Number(process.env.TIDEMARK_RUNS ?? 20) }, (_, i) => i + 1) : [Number(process.env.TIDEMARK_SEED)]

async function firstFailure(isSkewBroken: boolean, rules?: ArchiveRules, count = seeds.length): Promise<string | null> {
  for (const seed of seeds.slice(0, count)) {
    const wrong = await runHistory({ seed, isSkewBroken, ...(rules && { rules }) }).catch((error: unknown) => String((error as Error).stack))
    if (wrong !== null) return `TIDEMARK_SEED=${seed} replays this: ${wrong}`
  }
  return null
}

describe('law 3: every record is in exactly one segment of exactly one sealed epoch', () => {
  it('while clocks keep to the declared skew, and no partition is opened again', async () => {
    expect(await firstFailure(false)).toBeNull()
  })

  it('while they do not, and no processor has it elsewhere', async () => {
    expect(await firstFailure(true)).toBeNull()
  })
})
