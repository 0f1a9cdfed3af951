// Laws 3 and 7 while definitions change: a new version of a view is applied while events flow. Whatever layer takes it up when, and is killed in between,
// each answer is right at its own cut and fences, and the new version lacks nothing of before it was applied, or says that it is being back-filled.
import { describe, expect, it } from '@jest/globals'
import { seededRandom } from '@tidemark/aggregation/testing/random'
import { SERVE_RULES, type ServeRules } from '@tidemark/pipelines/serve/read-view'
import { ChangingWorld, LAYERS } from './changing-world.ts'

const TEST_MAX_MS = 120_000
const SEEDS = Number(process.env['TIDEMARK_RUNS'] ?? 12)
const FIRST_SEED = Number(process.env['TIDEMARK_SEED'] ?? 1)
const ACTIONS = 260
const APPLIED_AT = 90
const CALM_ROUNDS_MAX = 60
const SERVING = ['serving-1', 'serving-2'] as const

/** Throws what is wrong with an answer. */
async function runHistory(seed: number, rules?: ServeRules): Promise<ChangingWorld> {
  const random = seededRandom(seed)
  const world = new ChangingWorld(rules)
  await world.open()
  const judge = async (): Promise<void> => {
    const wrong = await world.judge(random.pick(SERVING))
    if (wrong !== null) throw new Error(`TIDEMARK_SEED=${seed}: ${wrong}`)
  }
  // The first version is answered, and has history.
  for (let i = 0; i < 20; i++) await world.append(random.below(3), random.below(3), random.below(100))
  await calm(world, 1)
  for (let i = 0; i < ACTIONS; i++) {
    if (i === APPLIED_AT) await world.applySecond()
    const layer = random.pick(LAYERS)
    const action = random.next()
    if (action < 0.2) await world.append(random.below(3), random.below(3), random.below(100))
    else if (action < 0.35) world.clock.step(random.below(4_000))
    else if (action < 0.6) await world.step(layer)
    else if (action < 0.75) await world.look(layer)
    else if (action < 0.78) await world.restart(layer)
    else await judge()
  }
  await calm(world, 2)
  await judge()
  return world
}

/** Everybody has turns, until all who serve answer with a version; time goes on meanwhile, so that epochs are sealed. */
async function calm(world: ChangingWorld, version: number): Promise<void> {
  for (let round = 0; round < CALM_ROUNDS_MAX; round++) {
    world.clock.step(1_100)
    for (const layer of LAYERS) {
      await world.look(layer)
      for (let i = 0; i < 3; i++) await world.step(layer)
    }
    const served = await Promise.all(SERVING.map((layer) => world.versionServed(layer)))
    if (served.every((each) => each === version)) return
  }
  throw new Error(`Version ${version} is not served after ${CALM_ROUNDS_MAX} rounds.`)
}

describe('a version that is applied while events flow', () => {
  it.each(Array.from({ length: SEEDS }, (_, i) => FIRST_SEED + i))('is answered truly or not at all, and at last in the place of the one before (seed %i)', async (seed) => {
    await runHistory(seed)
  }, TEST_MAX_MS)

  it('is found to be wrong where it is served before it is whole', async () => {
    const served: ServeRules = { ...SERVE_RULES, isServed: () => true }
    const found: string[] = []
    for (let seed = 1; seed <= SEEDS && found.length === 0; seed++) await runHistory(seed, served).catch((error: unknown) => void found.push(String(error)))
    expect(found).toEqual([expect.stringMatching(/cards@2 of . lacks \d+ events of before it was applied/)])
  }, TEST_MAX_MS)
})
