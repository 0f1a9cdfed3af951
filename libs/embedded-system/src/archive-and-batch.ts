// A source's archive and batch runs without its stream: beside a process that has the stream, or where none runs. Safe beside both: the archive's
// objects are created and never replaced, and a batch run has a lease and publishes by compare-and-set.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { OnAlarm } from '@tidemark/pipelines/alarm'
import { createArchiver } from '@tidemark/pipelines/archive/archiver'
import { openEpochs, type OpenEpochs } from '@tidemark/pipelines/archive/open-epochs'
import { DEFAULT_GATE } from '@tidemark/pipelines/batch/quality-gate'
import { runDue, type DueOutcome, type RunDueOptions } from '@tidemark/pipelines/batch/run-due'
import type { LambdaPorts } from '@tidemark/pipelines/lambda/lambda-ports'
import { readSealRegister } from '@tidemark/pipelines/log/change-seal-register'

/** Batch runs on one's own machine: an hour in which nothing happened is no fault of a producer's. `rejectedShareMax`: another one than the gate's. */
export function localBatch(rejectedShareMax: number = DEFAULT_GATE.rejectedShareMax) {
  return { gate: { isEmptyAllowed: true, rejectedShareMax } } as const satisfies RunDueOptions['run']
}

export interface ArchivedNow {
  readonly recordCount: number
  /** The first append time that is not sealed, epoch ms; null: nothing is sealed. */
  readonly sealedUntilMs: number | null
}

/** Archives what the log has by now, and seals what can be sealed. Throws what the ports throw. */
export async function archiveNow({ log, registers, objects, format, schemas, clock }: LambdaPorts, source: SourceDefinition, onAlarm: OnAlarm, signal?: AbortSignal): Promise<ArchivedNow> {
  const archiver = createArchiver({ source, log, registers, objects, format, schemas, clock, onAlarm })
  for (let recordCount = 0; ; ) {
    const step = await archiver.step(signal)
    if (step.did === 'archived') recordCount += step.recordCount
    if (step.did === 'idle' || step.did === 'stopped') return { recordCount, sealedUntilMs: await sealedUntilMs({ registers }, source) }
  }
}

/** The first append time that is in no sealed epoch, epoch ms; null: nothing is sealed. */
export async function sealedUntilMs({ registers }: Pick<LambdaPorts, 'registers'>, source: SourceDefinition): Promise<number | null> {
  const { register: { sealedThrough, epochLengthMs } } = await readSealRegister(registers, source)
  return sealedThrough === null ? null : (sealedThrough + 1) * epochLengthMs
}

/** Makes a generation of each view of one source that lacks a sealed epoch. Bugs are thrown; the rest is in the outcomes. */
export function runDueBatches({ registers, objects, format, schemas, batchViews, clock, engine, jobs }: LambdaPorts, plans: readonly ViewPlan[], options: Pick<RunDueOptions, 'run' | 'onEvent'>, signal?: AbortSignal): Promise<DueOutcome[]> {
  const archive = { objects, registers, format, schemas }
  return runDue({
    stores: { views: batchViews, objects, clock, registers, engine, openEpochs: (plan, afterCut, cut) => openEpochs(archive, plan.source, afterCut, cut) },
    ...options, queue: jobs, clock, plans,
  }, signal)
}

export interface SealedArchive extends OpenEpochs {
  readonly sealedUntilMs: number
}

/** Every event of a source that is archived and sealed; null: nothing is. Throws what `openEpochs` throws. */
export async function openSealedArchive({ objects, registers, format, schemas }: LambdaPorts, source: SourceDefinition): Promise<SealedArchive | null> {
  const { register: { sealedThrough, epochLengthMs } } = await readSealRegister(registers, source)
  if (sealedThrough === null) return null
  const opened = await openEpochs({ objects, registers, format, schemas }, source, null, sealedThrough)
  return { ...opened, sealedUntilMs: (sealedThrough + 1) * epochLengthMs, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() }
}
