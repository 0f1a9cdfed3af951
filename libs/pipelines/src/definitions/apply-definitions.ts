// Applies definitions: what they mean is registered, then what is live is replaced by compare-and-set. Between a plan and its writing somebody else may
// apply; where what is live by then makes the same plan, that is written, else nothing.

import { isDeepStrictEqual } from 'node:util'
import type { Definitions } from '@tidemark/feature-schema/definition'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Clock } from '@tidemark/ports/clock'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { decodeSealRegister, sealRegisterName } from '../log/seal-register.ts'
import { topicOf, viewId } from '../names.ts'
import { readPointer } from '../pointer.ts'
import { noteWhole } from '../serve/whole-views.ts'
import { APPLIED_REGISTER, encodeApplied, readApplied, versionText, type AppliedDefinitions, type ReadApplied } from './applied-register.ts'
import { checkRegistered, registerWithWords } from './definition-registry.ts'
import { readLive } from './live-definitions.ts'
import { appliedOf, planApply, type ApplyPlan } from './plan-apply.ts'

/** Rivals that are given way to, one after the other, before it is given up. */
const ATTEMPTS_MAX = 20

export interface ApplyRequest {
  readonly registers: RegisterStore
  /** Checked. */
  readonly definitions: Definitions
  /** As `ApplyInput` has it. */
  readonly retire?: readonly string[]
}

export interface PreparedApply {
  readonly plan: ApplyPlan
  /** What it was planned on. */
  readonly read: ReadApplied
  /** By source of the file: through which epoch its log is sealed; null: nothing of it is. */
  readonly sealedThrough: ReadonlyMap<string, number | null>
  /** Where nothing was ever applied: view versions of the file that have a generation all the same. An earlier release, whose services had a file, serves them: they are whole. */
  readonly served: ReadonlyMap<string, number>
}

/** What applying would do. Throws DEFINITION_INVALID where a version means something else than it is registered with, and what `planApply` throws. */
export async function prepareApply({ registers, definitions: file, retire = [] }: ApplyRequest): Promise<PreparedApply> {
  await checkRegistered(registers, file)
  const read = await readApplied(registers)
  const served = new Map<string, number>()
  for (const view of read.applied === null ? file.views : []) {
    const { pointer: { n } } = await readPointer(registers, viewId(view))
    if (n > 0) served.set(viewId(view), n)
  }
  const live = read.applied === null ? null : await readLive(registers, read.applied)
  const epochLengthsMs = new Map<string, number>()
  const sealedThrough = new Map<string, number | null>()
  for (const source of file.sources) {
    const name = sealRegisterName(topicOf(source))
    const register = await registers.read(name)
    const seal = register && decodeSealRegister(register.bytes, name)
    sealedThrough.set(source.name, seal?.sealedThrough ?? null)
    if (seal !== null) epochLengthsMs.set(source.name, seal.epochLengthMs)
  }
  return { plan: planApply({ applied: read.applied, live, file, retire, epochLengthsMs }), read, sealedThrough, served }
}

/**
 * Makes it so; what is live then. Throws REGISTRY_MOVED where somebody else applied meanwhile, so that another plan would come of it, and what
 * `prepareApply` throws; nothing is live then that was not before.
 */
export async function commitApply(request: ApplyRequest, prepared: PreparedApply, clock: Clock, by: string): Promise<AppliedDefinitions> {
  const { registers, definitions } = request
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const current = await prepareApply(request)
    // A rival wanted the same.
    if (current.read.applied !== null && current.plan.changes.length === 0) return current.read.applied
    if (current.read.revision !== prepared.read.revision && !isSamePlan(current.plan, prepared.plan)) throw moved(prepared.read, current.read)
    const next = appliedOf(current.plan, current.read.applied, clock.nowMs(), by)
    const bytes = encodeApplied(next)
    await registerWithWords(registers, definitions)
    for (const [id, generation] of current.served) await noteWhole(registers, id, generation, next.appliedAtMs)
    if ((await registers.compareAndSet(APPLIED_REGISTER, current.read.revision, bytes)) !== null) return next
  }
  throw moved(prepared.read, await readApplied(registers))
}

/** Whether the same becomes live by the same changes, whatever the parts are that those differ in. */
function isSamePlan(a: ApplyPlan, b: ApplyPlan): boolean {
  const namesOf = ({ changes }: ApplyPlan): unknown => changes.map(({ kind, name, version, change }) => [kind, name, version, change])
  return isDeepStrictEqual([a.next, namesOf(a)], [b.next, namesOf(b)])
}

/** What differs between the plan's ground and what is there by now. */
function moved({ applied: before }: ReadApplied, { applied: now }: ReadApplied): TidemarkError {
  const names = (applied: AppliedDefinitions | null): string[] => [...(applied?.views.map((name) => `view ${versionText(name)}`) ?? []), ...(applied?.services.map((name) => `service ${versionText(name)}`) ?? [])]
  const [old, current] = [names(before), names(now)]
  const changes = [...current.filter((name) => !old.includes(name)).map((name) => `${name} is live`), ...old.filter((name) => !current.includes(name)).map((name) => `${name} is not any more`)]
  return new TidemarkError([{
    code: 'REGISTRY_MOVED', message: `${now?.by ?? 'Somebody'} applied revision ${now?.revision ?? 0} meanwhile: ${changes.join(', ') || 'only words changed'}.`, where: APPLIED_REGISTER,
    action: 'Nothing was applied. Look at the plan against what is live, then apply again.',
  }])
}
