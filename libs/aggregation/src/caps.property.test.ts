// Law 9 for what the ladder does not bound: `exact` windows keep a declared number of panes, and are unavailable where that was
// not enough, never wrong. The laws run with a cap of a few panes, which short histories reach; one history reaches the real one.

import { afterEach, describe, expect, it, jest } from '@jest/globals'
import type { FeatureViewDefinition } from '@tidemark/feature-schema/definition'
import { decodeBlob } from './batch-blob.ts'
import { encodeState, NO_CHUNKS, openState, presentChunks, type EntityState } from './entity-state.ts'
import { foldEvent } from './fold.ts'
import { EXACT_PANES_MAX } from './ladder.ts'
import { mergeAtCut, type MergedFeatures } from './merge.ts'
import type { SeamCase } from './testing/generate-case.ts'
import { generateSource, generateView, generateWindows } from './testing/generate-definition.ts'
import { checkProperty, findFailure, type Property } from './testing/property.ts'
import { seededRandom } from './testing/random.ts'
import { planView, type ViewPlan } from './view-plan.ts'

const FEW_PANES = 5

/** The laws, over a core that keeps only a few exact panes, and views that have exact windows. */
async function lawsWithFewPanes(): Promise<Readonly<Record<'seam' | 'state' | 'incremental' | 'bound', Property<SeamCase>>>> {
  const ladder = await import('./ladder.ts')
  jest.resetModules()
  jest.unstable_mockModule('./ladder.ts', () => ({ ...ladder, EXACT_PANES_MAX: FEW_PANES }))
  const { generateCase } = await import('./testing/generate-case.ts')
  const { seamLaw } = await import('./testing/seam-law.ts')
  const { boundLaw, incrementalLaw, stateLaw, withoutFloatAdditions } = await import('./testing/state-law.ts')
  const generate: typeof seamLaw.generate = (random) =>
    generateCase(random, (inner, source) => generateView(inner, source, generateWindows(inner, 1)))
  const generateExact: typeof stateLaw.generate = (random) =>
    generateCase(random, (inner, source) => withoutFloatAdditions(inner, source, generateWindows(inner, 1)))
  return {
    seam: { ...seamLaw, runs: 400, generate },
    state: { ...stateLaw, runs: 250, generate: generateExact },
    incremental: { ...incrementalLaw, runs: 250, generate: generateExact },
    bound: { ...boundLaw, runs: 150, generate: generateExact },
  }
}

/** Two exact windows, and a coarser one as long as the longer of them. */
function exactPlan(): ViewPlan {
  const source = generateSource(seededRandom(1))
  const view: FeatureViewDefinition = {
    name: 'view', version: 1, source: 'events', sourceVersion: 1, bucketCount: 64, derive: [], entity: [{ key: 'user', column: 'user' }],
    aggregations: [{
      name: 'n', op: 'count', of: null,
      windows: [
        { name: 'all', lengthMs: 20_000, resolutionMs: 1 },
        { name: 'second', lengthMs: 1_000, resolutionMs: 1 },
        { name: 'coarse', lengthMs: 20_000, resolutionMs: 1_000 },
      ],
    }],
  }
  return planView(view, source)
}

function foldAt(plan: ViewPlan, state: EntityState, offset: number, eventTimeMs: number, appendTimeMs: number): void {
  foldEvent(plan, state, { epoch: 0, partition: 0, offset, eventTimeMs, appendTimeMs, row: ['ann', null, eventTimeMs, null, null, null, null, null, null] })
}

describe('law 9: exact panes are capped', () => {
  afterEach(() => {
    jest.unstable_unmockModule('./ladder.ts')
    jest.unstable_unmockModule('./merge.ts')
  })

  it('law 9: a window is unavailable only where panes are missing, and right everywhere else', async () => {
    checkProperty((await lawsWithFewPanes()).seam)
  })

  it('law 9: a merge that keeps silent about missing panes is found', async () => {
    const silent = (merged: MergedFeatures): MergedFeatures => ({
      ...merged, values: merged.values.map((value) => (value.reason === 'window_truncated' ? { status: 'PRESENT', value: 0 } : value)),
    })
    const real = await import('./merge.ts')
    jest.unstable_mockModule('./merge.ts', () => ({ ...real, mergeAtCut: (...args: Parameters<typeof mergeAtCut>) => silent(real.mergeAtCut(...args)) }))
    expect(findFailure((await lawsWithFewPanes()).seam)).not.toBeNull()
  })

  it('law 2: what is kept is a function of the events and the log time', async () => {
    checkProperty((await lawsWithFewPanes()).state)
  })

  it('law 1: a base with newer epochs packs to the same bytes as all epochs at once', async () => {
    checkProperty((await lawsWithFewPanes()).incremental)
  })

  it('law 9: tables never hold more', async () => {
    checkProperty((await lawsWithFewPanes()).bound)
  })

  it('law 9: past the real cap an exact window is unavailable; shorter and coarser ones stay right', () => {
    const plan = exactPlan()
    const state = openState(plan, NO_CHUNKS)
    const count = EXACT_PANES_MAX + 100
    for (let i = 0; i < count; i++) foldAt(plan, state, i, 2 * i, 2 * i)
    const chunks = presentChunks({ ...NO_CHUNKS, ...encodeState(plan, state) })
    const { values } = mergeAtCut(plan, null, chunks, { cut: -Infinity, t: 2 * count })
    expect(values).toEqual([
      { status: 'UNAVAILABLE', value: null, reason: 'window_truncated' },
      { status: 'PRESENT', value: 500 },
      { status: 'PRESENT', value: count },
    ])
  })

  it('law 2: that a pane left early is forgotten when windows need it no more, though nothing else of its table changes', () => {
    const plan = exactPlan()
    const state = openState(plan, NO_CHUNKS)
    let chunks = NO_CHUNKS
    const truncationsAfter = (offset: number, eventTimeMs: number, appendTimeMs: number): unknown => {
      foldAt(plan, state, offset, eventTimeMs, appendTimeMs)
      chunks = { ...chunks, ...encodeState(plan, state) }
      return presentChunks(chunks).flatMap((chunk) => decodeBlob(plan, chunk).truncations)
    }
    for (let i = 0; i < EXACT_PANES_MAX; i++) foldAt(plan, state, i, 999 + i, 999 + i)
    const newestMs = 999 + EXACT_PANES_MAX
    const truncations = [{ epoch: 0, group: plan.features[0]!.group, startMs: 999 }]
    expect(truncationsAfter(EXACT_PANES_MAX, newestMs, newestMs)).toEqual(truncations)
    // Panes from 0 and then from 1,000 on are kept; the oldest exact one starts at 1,000.
    expect(truncationsAfter(EXACT_PANES_MAX + 1, 500, 20_998)).toEqual(truncations)
    expect(truncationsAfter(EXACT_PANES_MAX + 2, 500, 20_999)).toEqual([])
  })
})
