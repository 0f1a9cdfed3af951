// Asks the serving code as a model would, and keeps every answer for the oracle.
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { seededRandom, type Random } from '@tidemark/aggregation/testing/random'
import type { FeatureServer } from '@tidemark/pipelines/serve/answer-features'
import type { FeatureAnswer, ServedValue } from '@tidemark/pipelines/serve/feature-answer'
import type { FeatureRequest } from '@tidemark/pipelines/serve/feature-request'
import { ENTITIES_PER_REQUEST_MAX } from '@tidemark/pipelines/serve/feature-request'
import { arrivalsTable } from './arrivals.ts'
import { oracleViews } from './oracle-sql.ts'

/** What one view answered for one entity. */
export interface RecordedAnswer {
  /** Join keys in the view's order. */
  readonly keys: readonly string[]
  readonly t: number
  readonly generation: number
  /** In the order of the view's features. */
  readonly values: readonly ServedValue[]
}

export interface Route {
  readonly origin: string
  readonly destination: string
}

type Entity = Readonly<Record<string, string>>

export class Questions {
  /** By view. */
  readonly answers: ReadonlyMap<ViewPlan, RecordedAnswer[]>
  /** Of requests for one entity. */
  readonly latenciesMs: number[] = []
  /** What any answer said of itself that makes it less than it should be. */
  readonly degraded = new Set<string>()
  private readonly server: FeatureServer
  private readonly routes: readonly Route[]
  private readonly random: Random

  constructor(server: FeatureServer, plans: readonly ViewPlan[], routes: readonly Route[], seed: number) {
    this.server = server
    this.answers = new Map(plans.map((plan) => [plan, []]))
    this.routes = routes
    this.random = seededRandom(seed)
  }

  /** Asks for some flight: what the delay model reads of it, and how late flights to its destination are. */
  async askForFlight(): Promise<void> {
    const { origin, destination } = this.random.pick(this.routes)
    await this.timed({ service: 'delay_model' }, { airport: origin, origin, destination })
    await this.timed({ features: this.featuresOf('destination_delays') }, { airport: destination })
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
        await this.ask({ features: this.featuresOf(name) }, entities.slice(from, from + ENTITIES_PER_REQUEST_MAX))
      }
    }
  }

  private featuresOf(view: string): { view: string; feature: string }[] {
    const plan = [...this.answers.keys()].find((each) => each.view.name === view)!
    return plan.features.map(({ name }) => ({ view, feature: name }))
  }

  private async timed(asked: FeatureRequest['asked'], entity: Entity): Promise<void> {
    const startedAtMs = performance.now()
    const answer = await this.server.answer(requestOf(asked, [entity]))
    this.latenciesMs.push(performance.now() - startedAtMs)
    this.record(answer, [entity])
  }

  private async ask(asked: FeatureRequest['asked'], entities: readonly Entity[]): Promise<void> {
    this.record(await this.server.answer(requestOf(asked, entities)), entities)
  }

  private record({ t, features, entities, views, degraded }: FeatureAnswer, asked: readonly Entity[]): void {
    for (const { code, view, message } of degraded) this.degraded.add(`${code}, view ${view}: ${message}`)
    for (const [plan, answers] of this.answers) {
      const facts = views.find(({ view }) => view === plan.view.name)
      if (facts === undefined) continue
      const places = plan.features.map(({ name }) => features.findIndex(({ view, feature }) => view === facts.view && feature === name))
      for (const [i, { values }] of entities.entries()) {
        answers.push({ keys: plan.keys.map(({ key }) => asked[i]![key]!), t, generation: facts.generation, values: places.map((place) => values[place]!) })
      }
    }
  }
}

/** Whoever asks gets an answer or an error: nothing is left out because it came late. */
function requestOf(asked: FeatureRequest['asked'], entities: readonly Entity[]): FeatureRequest {
  return { asked, entities, policy: 'degrade', deadlineMs: Infinity, explain: false }
}

/** Every pair of airports with a flight. */
export async function readRoutes(session: DuckDbSession): Promise<Route[]> {
  return (await session.rows(`SELECT DISTINCT origin, destination FROM ${arrivalsTable(session)} ORDER BY ALL`)) as unknown as Route[]
}
