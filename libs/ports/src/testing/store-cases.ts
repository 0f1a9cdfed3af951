// What the contract suites of stores share.

/** Texts as stored bytes, and back. */
export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
export const textOf = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes)

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** Runs it for 0 … count - 1 at once. */
export function race<T>(count: number, run: (racer: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, racer) => run(racer)))
}

/** Numbers from 0 to below 1 that a seed replays (mulberry32). */
export function seededChance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Fails with the seed that replays it (`TIDEMARK_SEED`). Seeds are 1, 2, …: the same in each run. */
export async function forSeeds(count: number, run: (chance: () => number, seed: number) => Promise<void>): Promise<void> {
  const replayed = Number(process.env.TIDEMARK_SEED ?? 0)
  const seeds = replayed > 0 ? [replayed] : Array.from({ length: Number(process.env.TIDEMARK_RUNS ?? count) }, (_, i) => i + 1)
  for (const seed of seeds) {
    try {
      await run(seededChance(seed), seed)
    } catch (error) {
      throw new Error(`TIDEMARK_SEED=${seed} replays this.`, { cause: error })
    }
  }
}
