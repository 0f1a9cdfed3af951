// A random history of the stream processor, from a seed: producers, processors that are held up at any call of a port, killed, or go on as
// zombies, fail-overs that lose acknowledged writes, brokers whose clocks differ, seals, generations, rollbacks, sweeps and slow readers.
// Every read is judged by brute force, and at the end everything is.

import { seededRandom, type Random } from '@tidemark/aggregation/testing/random'
import { listDeadLetters } from '@tidemark/pipelines/ingest/dead-letters'
import type { IngestRules } from '@tidemark/pipelines/ingest/ingest-rules'
import type { Processor } from '@tidemark/pipelines/ingest/processor'
import { viewId } from '@tidemark/pipelines/names'
import type { Pointer } from '@tidemark/pipelines/pointer'
import { CLICKS, EPOCH_MS, HERE, large, THERE, totals, USERS } from './ingest-definitions.ts'
import { judgeAll, judgeEntity } from './ingest-judge.ts'
import { click, drain } from './ingest-schedules.ts'
import { IngestWorld, type WorldPorts } from './ingest-world.ts'

const STEPS = 400
const PARTITIONS_MAX = 3
const LEASE_MS = 30_000
const CALM_ROUNDS = 12

/** Somebody who works on the world, one call of a port a turn. */
class Actor {
  readonly partitions: number[]
  private readonly waiting: (() => void)[] = []
  private isFree = false
  failure: unknown = null

  constructor(partitions: readonly number[] = []) {
    this.partitions = [...partitions]
  }

  readonly gated = (ports: WorldPorts): WorldPorts => Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, this.gate(port)])) as unknown as WorldPorts

  private gate<Port extends object>(port: Port): Port {
    return new Proxy(port, {
      get: (target, name) => {
        const found: unknown = Reflect.get(target, name)
        if (typeof found !== 'function' || name === 'scan') return typeof found === 'function' ? found.bind(target) : found
        return async (...args: unknown[]): Promise<unknown> => {
          await this.comeToTurn()
          return Reflect.apply(found, target, args) as unknown
        }
      },
    })
  }

  private async comeToTurn(): Promise<void> {
    if (!this.isFree) await new Promise<void>((resolve) => this.waiting.push(resolve))
  }

  work(steps: { step(): Promise<unknown> }): void {
    const run = async (): Promise<void> => {
      for (await this.comeToTurn(); !this.isFree; await this.comeToTurn()) await steps.step()
    }
    run().catch((error: unknown) => (this.failure = error))
  }

  /** Makes one of the calls that are due. */
  async turn(random: Random): Promise<void> {
    this.waiting.splice(random.below(this.waiting.length), 1)[0]?.()
    await settled()
    if (this.failure !== null) throw this.failure
  }

  /** Is held up no more. */
  async free(): Promise<void> {
    this.isFree = true
    for (const go of this.waiting.splice(0)) go()
    await settled()
  }
}

interface Worker {
  readonly actor: Actor
  readonly processor: Processor
}

class History {
  readonly random: Random
  readonly world: IngestWorld
  readonly keptCount: number
  workers: Worker[] = []
  readonly sweeper = new Actor()
  readonly pins: { pointer: Pointer; sinceMs: number }[] = []

  constructor(random: Random, world: IngestWorld) {
    this.random = random
    this.world = world
    this.keptCount = random.between(0, 2)
    const view = random.pick([totals, large])
    this.sweeper.work(world.sweeper(view, this.sweeper.gated))
  }

  start(partitions: readonly number[]): void {
    const actor = new Actor(partitions)
    const processor = this.world.processor(() => actor.partitions, actor.gated)
    this.workers.push({ actor, processor })
    actor.work({ step: () => this.stepOf(processor) })
  }

  /** Where it may hold work back, somebody reads a bucket now and then. */
  private async stepOf(processor: Processor): Promise<void> {
    const { random, world } = this
    await processor.step()
    if (world.limits.heldCountMax === 0 || random.chance(0.6)) return
    const { view } = random.pick(world.views)
    await processor.foldHeld([{ view: viewId(view), bucket: random.below(view.bucketCount) }])
  }

  async produce(): Promise<void> {
    const { random, world } = this
    world.nowMs += random.below(4_000)
    const partition = random.below(world.records.length)
    world.log.shiftAppendTimes(world.topic, partition, random.chance(0.03) ? -60_000 : random.chance(0.3) ? -random.below(15_000) : 0)
    if (random.chance(0.15)) return world.log.appendInvisible(world.topic, partition, random.between(1, 2))
    const event = (): Record<string, unknown> | string => (
      random.chance(0.05) ? 'no JSON' : { ...click(world, random.pick([...HERE, ...THERE, null]), random.between(0, 20)), at: world.nowMs - random.below(30_000) }
    )
    await world.append(partition, ...Array.from({ length: random.between(1, 3) }, event))
  }

  async seal(): Promise<void> {
    const { world, random } = this
    const { sealedThrough } = await world.register()
    const through = Math.floor((world.nowMs - 30_001) / EPOCH_MS) - 1
    if (sealedThrough !== null && through <= sealedThrough) return
    await world.seal(through)
    for (const view of world.views) if (random.chance(0.7)) await world.publish(view, through, this.keptCount)
  }

  async addPartition(): Promise<void> {
    const { world, random } = this
    if (world.records.length >= PARTITIONS_MAX) return
    await world.addPartitions(world.records.length + 1)
    random.pick(this.workers).actor.partitions.push(world.records.length - 1)
  }

  async replaceWorker(): Promise<void> {
    const { world, random } = this
    if (this.workers.length > 1 && random.chance(0.5)) this.workers.splice(random.below(this.workers.length), 1)
    this.start(random.some(world.records.map((_, partition) => partition), 0.6))
  }

  async failOver(): Promise<void> {
    const { world, random } = this
    const buckets = world.store.writtenBuckets()
    if (buckets.length > 0) world.store.failOver(random.pick(buckets), random.between(1, 4))
  }

  async read(): Promise<string | null> {
    const { world, random } = this
    const view = random.pick(world.views)
    const pin = this.pins.find(({ pointer, sinceMs }) => pointer.view === `${view.view.name}@1` && world.nowMs - sinceMs <= LEASE_MS)
    if (pin === undefined || random.chance(0.3)) this.pins.unshift({ pointer: await world.pointerOf(view), sinceMs: world.nowMs })
    return judgeEntity(world, view, random.pick(USERS), pin?.pointer)
  }

  /** Nobody is held up, nothing more comes. null: everything is right in the end. */
  async end(): Promise<string | null> {
    const { world, random } = this
    world.nowMs += 60_000
    if (random.chance(0.7)) await this.failOver()
    await this.sweeper.free()
    for (const { actor } of this.workers) await actor.free()
    if (random.chance(0.5)) this.workers = []
    const all = world.records.map((_, partition) => partition)
    const survivors = this.workers.map(({ processor }) => processor)
    const left = all.filter((partition) => !this.workers.some(({ actor }) => actor.partitions.includes(partition)))
    if (left.length > 0) survivors.push(world.processor(left))
    for (let round = 0; round < CALM_ROUNDS; round++, world.nowMs += 15_000) for (const processor of survivors) await drain(processor, 12)
    const letters = await Array.fromAsync(listDeadLetters(world.log, world.source), ({ partition, offset }) => `${partition} ${offset}`)
    const rejected = world.records.flatMap((records, partition) => records.filter(({ value }) => value!.length < 10).map(({ offset }) => `${partition} ${offset}`))
    return letters.join() === rejected.join() ? judgeAll(world, USERS) : `dead letters ${letters.join()}, not ${rejected.join()}`
  }
}

/** Runs the history of a seed, in which processors hold so many records back at most. null: nothing went wrong; else what did, and when. */
export async function runHistory(seed: number, rules: IngestRules, heldCountMax = 0): Promise<string | null> {
  const random = seededRandom(seed)
  const limits = { heldCountMax, fetchCountMax: random.between(1, 6), writeKeysMax: random.pick([14, 40, 1_900]), cacheSizeMaxBytes: random.pick([1, 1e6]), pinLeaseMs: LEASE_MS, idleFenceMs: 20_000 }
  const world = await IngestWorld.create({ source: CLICKS, views: random.pick([[totals], [totals, large]]), partitionCount: 2, rules, limits })
  const history = new History(random, world)
  history.start([0, 1])
  const actions: readonly (readonly [number, () => Promise<unknown>])[] = [
    [20, () => history.produce()],
    [70, () => random.pick(history.workers).actor.turn(random)],
    [5, () => history.sweeper.turn(random)],
    [4, () => history.seal()],
    [1.5, () => world.moveBack(random.pick(world.views), random.below(3))],
    [1.5, () => history.failOver()],
    [1, () => history.addPartition()],
    [1.5, () => history.replaceWorker()],
    [8, () => history.read()],
  ]
  const weight = actions.reduce((sum, [one]) => sum + one, 0)
  for (let step = 0; step < STEPS; step++) {
    let dice = random.next() * weight
    const wrong = await actions.find(([one]) => (dice -= one) < 0)![1]()
    if (typeof wrong === 'string') return `step ${step}: ${wrong}`
  }
  return history.end()
}

/** Nothing in memory waits for longer than the promises that are due. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
