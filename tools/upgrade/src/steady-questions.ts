// Somebody who asks at a steady rate, whatever comes of it, and has each answer judged. What is held against the services: no answer, an error, a value that is
// not said, a wrong value.

import { setTimeout as sleep } from 'node:timers/promises'
import { WrongAnswer, type Answer, type AskedView, type ServiceWorld } from '@tidemark/conformance/services/service-world'
import { ANSWERED_BY } from './balancer.ts'

const ASK_EVERY_MS = 100
/** On a machine that is too busy the rate falls: what waits in line says nothing of a release. */
const OPEN_MAX = 4
const DEADLINE_MS = 10_000
const ENTITIES_PER_QUESTION = 2
const TOLD_MAX = 10
/** What an answer may say of itself while its values are those of the log up to its fences: partitions change hands. */
const ALLOWED: ReadonlySet<string> = new Set(['SPEED_LAGGING', 'SPEED_SILENT'])

export class SteadyQuestions {
  /** What went wrong, a sentence each. */
  readonly faults: string[] = []
  /** By who answered. */
  readonly answered = new Map<string, number>()
  readonly degraded = new Map<string, number>()
  asked = 0
  slowestMs = 0
  /** The newest that an answer was of. */
  generation = 0
  private readonly world: ServiceWorld
  private readonly url: string
  private readonly ending = new AbortController()
  private readonly open = new Set<Promise<void>>()
  private readonly loop: Promise<void>
  private entity = 0

  constructor(world: ServiceWorld, url: string) {
    this.world = world
    this.url = url
    this.loop = this.askOn()
  }

  answersOf(name: string): number {
    return this.answered.get(name) ?? 0
  }

  /** Asks no more; resolves once all is judged. */
  async end(): Promise<void> {
    this.ending.abort()
    await this.loop
    await Promise.all(this.open)
  }

  private async askOn(): Promise<void> {
    for (let dueMs = performance.now(); !this.ending.signal.aborted; dueMs += ASK_EVERY_MS) {
      if (this.open.size < OPEN_MAX) {
        const asking = this.ask(this.question()).catch((error: unknown) => void this.faults.push(sentenceOf(error))).finally(() => this.open.delete(asking))
        this.open.add(asking)
      }
      await sleep(Math.max(0, dueMs + ASK_EVERY_MS - performance.now()), undefined, { signal: this.ending.signal }).catch(() => undefined)
    }
  }

  /** One view after the other, and some of its entities. */
  private question(): AskedView {
    const view = this.world.views[this.asked++ % this.world.views.length]!
    const entities = Array.from({ length: ENTITIES_PER_QUESTION }, () => view.entities[this.entity++ % view.entities.length]!)
    return { ...view, entities }
  }

  private async ask(asked: AskedView): Promise<void> {
    const { plan, key, entities } = asked
    const body = JSON.stringify({ features: plan.features.map(({ name }) => `${plan.view.name}:${name}`), entities: entities.map((entity) => ({ [key]: entity })), explain: true, deadlineMs: DEADLINE_MS })
    const askedMs = performance.now()
    const response = await fetch(`${this.url}/v1/features`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const text = await response.text()
    this.slowestMs = Math.max(this.slowestMs, performance.now() - askedMs)
    const by = response.headers.get(ANSWERED_BY) ?? 'nobody'
    if (response.status !== 200) throw new Error(`${by}: ${response.status} ${text}`)
    this.answered.set(by, this.answersOf(by) + 1)
    const answer = JSON.parse(text) as Answer
    this.generation = Math.max(this.generation, answer.views[0]!.generation ?? 0)
    for (const { code, message } of answer.degraded) {
      this.degraded.set(code, (this.degraded.get(code) ?? 0) + 1)
      if (!ALLOWED.has(code)) throw new Error(`${by}: ${code} ${message}`)
    }
    await this.world.judgeAnswer(asked, answer).catch((error: unknown) => {
      throw error instanceof WrongAnswer ? new WrongAnswer(`${by}: ${error.message}`) : error
    })
  }

  /** The first of them, for messages. */
  get told(): readonly string[] {
    return this.faults.slice(0, TOLD_MAX)
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? `${error} (${String(error.cause)})` : String(error)
}
