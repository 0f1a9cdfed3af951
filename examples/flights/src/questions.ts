// Asks for features as a model would, and keeps every answer for the oracle.
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { seededRandom, type Random } from '@tidemark/aggregation/testing/random'
import { viewId } from '@tidemark/pipelines/names'
import type { EntityExplanation } from '@tidemark/pipelines/serve/explain'
import type { FeatureAnswer, ServedValue } from '@tidemark/pipelines/serve/feature-answer'
import type { FeatureRequest } from '@tidemark/pipelines/serve/feature-request'
import { ENTITIES_PER_REQUEST_MAX } from '@tidemark/pipelines/serve/feature-request'
import type { Soon } from '@tidemark/ports/soon'
import { arrivalsTable } from './arrivals.ts'
import { oracleViews } from './oracle/oracle-sql.ts'

/** What one view answered for one entity. */
export interface RecordedAnswer {
  /** Join keys in the view's order. */
  readonly keys: readonly string[]
  readonly t: number
  /** null: not known. */
  readonly generation: number | null
  /** The last epoch that the generation contains; null: none, or not known. */
  readonly cut: number | null
  /** How far the speed state contains each partition; none where it was not asked to explain. */
  readonly fences: EntityExplanation['fences']
  /** In the order of the view's features. */
  readonly values: readonly ServedValue[]
}

export interface Route {
  readonly origin: string
  readonly destination: string
}

/** Who is asked: the serving code itself, or its HTTP API. */
export type Ask = (request: FeatureRequest) => Soon<FeatureAnswer>

type Entity = Readonly<Record<string, string>>

export interface QuestionsOptions {
  readonly ask: Ask
  readonly plans: readonly ViewPlan[]
  readonly routes: readonly Route[]
  readonly seed: number
  /** Default: no. */
  readonly explain?: boolean
  /** Default: none. Whoever asks gets an answer or an error: nothing is left out because it came late. */
  readonly deadlineMs?: number
}

export class Questions {
  /** By view. */
  readonly answers: ReadonlyMap<ViewPlan, RecordedAnswer[]>
  /** Of requests for one entity. */
  readonly latenciesMs: number[] = []
  /** What those said of how far the stream lags, where they knew; of the view that lags most. */
  readonly lagsMs: number[] = []
  /** What answers said of themselves that makes them less than they should be: how many, by code and view, and what the first of them said. */
  readonly degraded = new Map<string, { readonly message: string; count: number }>()
  private readonly ask: Ask
  private readonly routes: readonly Route[]
  private readonly random: Random
  private readonly how: Required<Pick<QuestionsOptions, 'explain' | 'deadlineMs'>>

  constructor({ ask, plans, routes, seed, ...how }: QuestionsOptions) {
    this.ask = ask
    this.how = { explain: false, deadlineMs: Infinity, ...how }
    this.answers = new Map(plans.map((plan) => [plan, []]))
    this.routes = routes
    this.random = seededRandom(seed)
  }

  /** Asks for some flight: what the delay model reads of it, and then how late flights to its destination are. */
  async askForFlight(): Promise<void> {
    for (const ask of this.aboutFlight()) await ask(performance.now())
  }

  /** What is asked of some flight, each with the time that it was due at, of which its latency is counted. */
  aboutFlight(): readonly ((dueAtMs: number) => Promise<void>)[] {
    const { origin, destination } = this.random.pick(this.routes)
    return [
      (dueAtMs) => this.timed(dueAtMs, { service: 'delay_model' }, { airport: origin, origin, destination }),
      (dueAtMs) => this.timed(dueAtMs, { features: this.featuresOf('destination_delays') }, { airport: destination }),
    ]
  }

  /** Asks every view for every entity. */
  async askForAll(): Promise<void> {
    for (const plan of this.answers.keys()) {
      const { name } = plan.view
      const { columns } = oracleViews[name]!
      const entities = [...new Map(this.routes.map((route) => {
        const keys = columns.map((column) => route[column as keyof Route])
        return [keys.join(), Object.fromEntries(plan.keys.map(({ key }, i) => [key, keys[i]!]))]
      })).values()]
      for (let from = 0; from < entities.length; from += ENTITIES_PER_REQUEST_MAX) {
        const some = entities.slice(from, from + ENTITIES_PER_REQUEST_MAX)
        this.record(await this.ask(this.request({ features: this.featuresOf(name) }, some)), some)
      }
    }
  }

  /** What the views say of themselves, of no entity; it is not recorded. */
  async probe(): Promise<Pick<FeatureAnswer, 'views' | 'degraded'>> {
    return this.ask(this.request({ features: [...this.answers.keys()].map(({ view, features: [first] }) => ({ view: view.name, feature: first!.name })) }, []))
  }

  private featuresOf(view: string): { view: string; feature: string }[] {
    const plan = [...this.answers.keys()].find((each) => each.view.name === view)!
    return plan.features.map(({ name }) => ({ view, feature: name }))
  }

  private async timed(dueAtMs: number, asked: FeatureRequest['asked'], entity: Entity): Promise<void> {
    const answer = await this.ask(this.request(asked, [entity]))
    this.latenciesMs.push(performance.now() - dueAtMs)
    const lagsMs = answer.views.map(({ lagMs }) => lagMs ?? Infinity)
    if (Math.max(...lagsMs) < Infinity) this.lagsMs.push(Math.max(...lagsMs))
    this.record(answer, [entity])
  }

  private request(asked: FeatureRequest['asked'], entities: readonly Entity[]): FeatureRequest {
    return { asked, entities, policy: 'degrade', ...this.how }
  }

  private record({ t, features, entities, views, degraded }: FeatureAnswer, asked: readonly Entity[]): void {
    for (const { code, view, message } of degraded) {
      const what = `${code}, view ${view}`
      const known = this.degraded.get(what) ?? { message, count: 0 }
      known.count++
      this.degraded.set(what, known)
    }
    for (const [plan, answers] of this.answers) {
      const facts = views.find(({ view }) => view === plan.view.name)
      if (facts === undefined) continue
      const places = plan.features.map(({ name }) => features.findIndex(({ view, feature }) => view === facts.view && feature === name))
      for (const [i, { values, explanation = [] }] of entities.entries()) {
        const { fences = [] } = explanation.find(({ view }) => view === viewId(plan.view)) ?? {}
        answers.push({ keys: plan.keys.map(({ key }) => asked[i]![key]!), t, generation: facts.generation, cut: facts.cut, fences, values: places.map((place) => values[place]!) })
      }
    }
  }
}

/** Every pair of airports with a flight. */
export async function readRoutes(session: DuckDbSession): Promise<Route[]> {
  return (await session.rows(`SELECT DISTINCT origin, destination FROM ${arrivalsTable(session)} ORDER BY ALL`)) as unknown as Route[]
}
