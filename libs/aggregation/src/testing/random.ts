// A seeded source of chance for the property suites: one seed, one history (law 12).

export interface Random {
  /** A double in [0, 1). */
  next(): number
  /** An integer in [0, limit). */
  below(limit: number): number
  /** An integer in [from, to]. */
  between(from: number, to: number): number
  chance(probability: number): boolean
  pick<T>(choices: readonly T[]): T
  /** Each of `choices` with the probability, at least one of them. */
  some<T>(choices: readonly T[], probability: number): T[]
  shuffle<T>(items: readonly T[]): T[]
}

/** mulberry32, by Tommy Ettinger (public domain): 32 bits of state, good enough to choose test cases. */
export function seededRandom(seed: number): Random {
  let state = seed | 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  const pick = <T>(choices: readonly T[]): T => choices[below(choices.length)]!
  return {
    next,
    below,
    pick,
    between: (from, to) => from + below(to - from + 1),
    chance: (probability) => next() < probability,
    some: (choices, probability) => {
      const chosen = choices.filter(() => next() < probability)
      return chosen.length > 0 ? chosen : [pick(choices)]
    },
    shuffle: (items) => {
      const shuffled = [...items]
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = below(i + 1)
        ;[shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!]
      }
      return shuffled
    },
  }
}
