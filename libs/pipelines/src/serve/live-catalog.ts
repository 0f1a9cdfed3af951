// What a serving process answers for: what is live, and of it what is not whole yet. Replaced whole where either changes, since what is resolved of
// requests is kept by it.

import type { TakeDefinitions, TakenDefinitions } from '../definitions/definitions-feed.ts'
import type { FeatureCatalog } from './feature-catalog.ts'
import { WholeViews, type WholeViewsOptions } from './whole-views.ts'

export class LiveCatalog {
  private readonly whole: WholeViews
  private live: TakenDefinitions | null = null
  private served: FeatureCatalog = { plans: [], services: [] }

  constructor(options: WholeViewsOptions) {
    this.whole = new WholeViews(options)
  }

  get catalog(): FeatureCatalog {
    return this.served
  }

  /** 'again' until everything is whole. */
  readonly take: TakeDefinitions = async (live) => {
    const backfills = await this.whole.look(live.catalog.plans)
    if (live !== this.live || backfills !== this.served.backfills) this.served = { ...live.catalog, backfills }
    this.live = live
    return backfills.size === 0 ? 'done' : 'again'
  }
}
