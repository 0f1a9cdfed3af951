// The actors of a history: the project's own pipelines, each run as its process runs it, on ports that wait for turns. An actor that finds
// nothing to do pauses until something has changed; what a call lost on its way makes of it, it gets over as the process would.

import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import type { Alarm } from '@tidemark/pipelines/alarm'
import { createArchiver } from '@tidemark/pipelines/archive/archiver'
import { openEpochs } from '@tidemark/pipelines/archive/open-epochs'
import { createCleaner } from '@tidemark/pipelines/batch/clean-up'
import { createGenerationRun, type GenerationRunOptions, type EpochOpener } from '@tidemark/pipelines/batch/generation-run'
import { createProcessor } from '@tidemark/pipelines/ingest/processor'
import { createSweeper } from '@tidemark/pipelines/ingest/sweeper'
import { viewId } from '@tidemark/pipelines/names'
import { createFeatureServer, type FeatureServer } from '@tidemark/pipelines/serve/answer-features'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Actor } from '@tidemark/conformance/scheduler'
import type { FeatureAnswer } from '@tidemark/pipelines/serve/feature-answer'
import type { FeatureRequest } from '@tidemark/pipelines/serve/feature-request'
import type { Soon } from '@tidemark/ports/soon'
import type { World } from './world.ts'

/** How soon who found nothing to do looks again, where nothing has changed. */
const LOOK_AGAIN_MS = 5_000

export interface Machine {
  readonly world: World
  readonly actor: Actor
  /** Whose clock it reads. */
  readonly name: string
  readonly onAlarm: (alarm: Alarm) => void
}

export async function archive({ world, actor, name, onAlarm }: Machine): Promise<void> {
  const { source, format } = world
  const archiver = createArchiver({
    source, format, onAlarm, rules: world.rules.archive, clock: world.clockOf(name), log: actor.guard(world.log),
    registers: actor.guard(world.registers), objects: actor.guard(world.objects), limits: { fetchCountMax: 6, segmentCountMax: 4 },
  })
  for (;;) {
    const step = await gettingOver(world, actor, [], () => archiver.step())
    if (step?.did === 'idle' || step?.did === 'stopped') await pause(world, actor)
  }
}

export interface ProcessorMachine extends Machine {
  /** Which partitions this member believes to be its own. */
  readonly assigned: () => readonly number[]
  readonly checkEveryMs: number
  readonly fetchCountMax: number
}

export async function processLog({ world, actor, name, onAlarm, assigned, checkEveryMs, fetchCountMax }: ProcessorMachine): Promise<void> {
  const { source, plans, newRevision } = world
  const processor = createProcessor({
    source, newRevision, onAlarm, views: plans, rules: world.rules.ingest, clock: world.clockOf(name),
    log: actor.guard(world.log, ['commit']), registers: actor.guard(world.registers), objects: actor.guard(world.objects),
    store: actor.guard(world.speedViews, ['putHeartbeats']),
    membership: { assigned: () => Promise.resolve(assigned()), [Symbol.asyncDispose]: () => Promise.resolve() },
    limits: { fetchCountMax, pollWaitMaxMs: 0, checkEveryMs, idleFenceMs: 4 * checkEveryMs, letterCommitMs: 4 * checkEveryMs, stoppedCheckEveryMs: 2 * checkEveryMs, writesInFlightMax: 2 },
  })
  for (;;) {
    const step = await gettingOver(world, actor, [], () => processor.step())
    if (step?.did === 'idle') await pause(world, actor, checkEveryMs)
  }
}

export interface BatchMachine extends Machine {
  readonly plan: ViewPlan
  readonly keptCount: number
  /** false: it ends after the run that it is at. */
  readonly isNeeded: () => boolean
  /** What a run is made of besides: each run is asked for. */
  readonly nextRun: () => Pick<GenerationRunOptions, 'gate' | 'isTakingOver'> & { readonly changeEpochs?: (open: EpochOpener) => EpochOpener }
}

/** Errors that end a run and leave the view as it should be; a zombie's staged objects may be gone. */
const LOST_RUN: readonly ErrorCode[] = ['GATE_CLOSED', 'POINTER_MOVED', 'OBJECT_MISSING']

/** Runs a generation whenever one is due. */
export async function runBatches({ world, actor, name, plan, keptCount, isNeeded, nextRun }: BatchMachine): Promise<void> {
  const { engine, format } = world
  const archived = { objects: actor.guard(world.objects), registers: actor.guard(world.registers), format }
  const clock = world.clockOf(name)
  const open: EpochOpener = (view, afterCut, cut) => openEpochs(archived, view.source, afterCut, cut)
  while (isNeeded()) {
    // What changes while it looks is something to look at again.
    const { changeCount } = world
    const { changeEpochs, ...options } = nextRun()
    const run = createGenerationRun({
      plan, keptCount, rules: world.rules.batch, partSizeMaxBytes: 300, ...options,
      stores: { engine, clock, registers: archived.registers, objects: archived.objects, views: actor.guard(world.batchViews), openEpochs: changeEpochs?.(open) ?? open },
    })
    for (;;) {
      const step = await gettingOver(world, actor, LOST_RUN, () => run.step())
      if (step === null) break
      if (step.kind === 'waiting') await actor.pause(() => clock.steadyMs() >= step.untilMs)
      if (step.kind !== 'over') continue
      if (step.result.kind === 'nothing-due') await pause(world, actor, Infinity, changeCount)
      break
    }
  }
}

export async function cleanUp({ world, actor, name, plan }: Machine & { readonly plan: ViewPlan }): Promise<void> {
  const clock = world.clockOf(name)
  const cleaner = createCleaner({
    view: viewId(plan.view), rules: world.rules.batch,
    stores: { clock, registers: actor.guard(world.registers), objects: actor.guard(world.objects), views: actor.guard(world.batchViews) },
  })
  for (;;) {
    const { changeCount } = world
    const step = await gettingOver(world, actor, [], () => cleaner.step())
    if (step?.kind === 'idle') await pause(world, actor, Infinity, changeCount)
    if (step?.kind === 'waiting') await actor.pause(() => clock.steadyMs() >= step.untilMs)
  }
}

export async function sweep({ world, actor, name, plan, onAlarm }: Machine & { readonly plan: ViewPlan }): Promise<void> {
  const sweeper = createSweeper({
    view: plan, onAlarm, rules: world.rules.ingest, clock: world.clockOf(name), store: actor.guard(world.speedViews), registers: actor.guard(world.registers),
  })
  for (;;) {
    const step = await gettingOver(world, actor, [], () => sweeper.step())
    if (step?.did === 'waited' || step?.did === 'looked') await pause(world, actor, 30_000)
  }
}

export interface Asked {
  readonly plan: ViewPlan
  readonly users: readonly string[]
}

/** A server on ports that wait for turns; heartbeats say nothing of values, and come at once. */
export function serverOf({ world, actor, name }: Pick<Machine, 'world' | 'actor' | 'name'>, batchCacheSizeMaxBytes: number): FeatureServer {
  return createFeatureServer({
    batchCacheSizeMaxBytes, catalog: () => world.catalog, rules: world.rules.serve, sliceMaxMs: Infinity, clock: world.clockOf(name), registers: actor.guard(world.registers),
    batchViews: actor.guard(world.batchViews), batchCache: actor.guard(world.batchCache), speedViews: actor.guard(world.speedViews, ['heartbeats']),
  })
}

/** All features of one view, in the view's order. */
export function ask(server: FeatureServer, asked: Asked): Soon<FeatureAnswer> {
  return server.answer(requestOf(asked))
}

export function requestOf({ plan, users }: Asked): FeatureRequest {
  const features = plan.features.map(({ name }) => ({ view: plan.view.name, feature: name }))
  return { asked: { features }, entities: users.map((user) => ({ user })), policy: 'degrade', deadlineMs: 1_000, explain: true }
}

/** Until something has changed since `changeCount`, or some time has passed. */
export function pause(world: World, actor: Actor, lookAgainMs = LOOK_AGAIN_MS, changeCount = world.changeCount): Promise<void> {
  const { nowMs } = world
  return actor.pause(() => world.changeCount !== changeCount || world.nowMs >= nowMs + lookAgainMs)
}

/** null: the step failed as it may. */
async function gettingOver<T>(world: World, actor: Actor, passing: readonly ErrorCode[], step: () => Promise<T>): Promise<T | null> {
  try {
    return await step()
  } catch (error) {
    if (!(error instanceof TidemarkError) || (error.code !== 'STORE_UNAVAILABLE' && !passing.includes(error.code))) throw error
    await pause(world, actor, 1_000)
    return null
  }
}
