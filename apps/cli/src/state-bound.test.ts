import { describe, expect, it } from '@jest/globals'
import { paneStartMs, planRungs, rungFor } from '@tidemark/aggregation/ladder'
import { panesMaxOf } from './state-bound.ts'

const window = (lengthMs: number | null, resolutionMs: number | null): { name: string; lengthMs: number | null; resolutionMs: number | null } => ({ name: 'w', lengthMs, resolutionMs })

describe('law 9: the bound of panes that plan tells', () => {
  it.each([
    ['one rung', [window(60, 5)]],
    ['a rung and lifetime', [window(60, 5), window(null, null)]],
    ['three rungs', [window(30, 2), window(100, 10), window(300, 30)]],
    ['a long fine rung over a short coarse one', [window(200, 2), window(60, 20)]],
    ['a length that is no multiple of its resolution', [window(33, 4), window(101, 8)]],
  ])('%s: is reached or nearly, and never passed, at any log time', (_, windows) => {
    const rungs = planRungs(windows)
    const most = rungs.map(() => 0)
    for (let logTimeMs = 1_000; logTimeMs < 1_700; logTimeMs++) {
      const starts = rungs.map(() => new Set<number>())
      for (let eventMs = logTimeMs - 700; eventMs <= logTimeMs; eventMs++) {
        const rung = rungFor(rungs, eventMs, logTimeMs)
        if (rung >= 0) starts[rung]!.add(paneStartMs(rungs[rung]!, eventMs))
      }
      starts.forEach(({ size }, i) => (most[i] = Math.max(most[i]!, size)))
    }
    rungs.forEach((_rung, i) => {
      const bound = panesMaxOf(rungs, i)
      expect(bound).toBeGreaterThanOrEqual(most[i]!)
      expect(bound).toBeLessThanOrEqual(most[i]! + 1)
    })
  })
})
