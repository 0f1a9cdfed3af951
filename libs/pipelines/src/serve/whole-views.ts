// Which view versions are whole: an answer of theirs lacks nothing that log and archive have. A version that was applied while events were there already is
// so once a generation is published, where anything is sealed that one can be made of, and once its speed state has caught up with the log on every
// partition. Before, it is answered with UNAVAILABLE: a number that lacks history would be said as if it were right. Once whole, whole for good: who finds
// it first writes it down, so that all who serve agree, and what lags or is damaged later is told as ever (freshness.ts).
//
//   whole/VIEW@VERSION   { formatVersion: 2, view, wholeAtMs, generation, checksum } (sealed-json.ts)

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Clock } from '@tidemark/ports/clock'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { z } from 'zod'
import { decodeHeartbeat } from '../ingest/heartbeat.ts'
import { readSealRegister } from '../log/change-seal-register.ts'
import { viewId } from '../names.ts'
import { readPointer } from '../pointer.ts'
import { decodeSealed, encodeSealed } from '../sealed-json.ts'

export const WHOLE_VERSION = 2

export interface WholeView {
  readonly formatVersion: number
  readonly view: string
  /** For people. */
  readonly wholeAtMs: number
  /** What its pointer read then; 0: nothing was sealed yet. */
  readonly generation: number
}

/** A view version that is not whole. Its object stays the same while what it says changes. */
export interface Backfill {
  /** A sentence. */
  howFar: string
}

/** By view id. */
export type Backfills = ReadonlyMap<string, Backfill>

export interface WholeViewsOptions {
  readonly registers: RegisterStore
  readonly speedViews: Pick<SpeedViewStore, 'heartbeats'>
  readonly clock: Clock
}

export class WholeViews {
  private readonly options: WholeViewsOptions
  private readonly whole = new Set<string>()
  private backfills: Backfills = new Map()

  constructor(options: WholeViewsOptions) {
    this.options = options
  }

  /** Those that are not whole. The same map as before where they are the same. Throws what the stores throw. */
  async look(plans: readonly ViewPlan[]): Promise<Backfills> {
    const found = new Map<string, Backfill>()
    for (const plan of plans) {
      const id = viewId(plan.view)
      if (this.whole.has(id)) continue
      const howFar = (await isWhole(this.options.registers, id)) ? null : await this.judge(plan, id)
      if (howFar === null) this.whole.add(id)
      else found.set(id, { howFar })
    }
    const isSame = found.size === this.backfills.size && [...found.keys()].every((id) => this.backfills.has(id))
    if (!isSame) return (this.backfills = found)
    for (const [id, { howFar }] of found) this.backfills.get(id)!.howFar = howFar
    return this.backfills
  }

  private async judge(plan: ViewPlan, id: string): Promise<string | null> {
    const { registers, speedViews, clock } = this.options
    const { howFar, generation } = await readHowFar(registers, speedViews, plan)
    // Where somebody was faster, it is written down.
    if (howFar === null) await noteWhole(registers, id, generation, clock.nowMs())
    return howFar
  }
}

/** Writes down that a view version is whole, where nobody has. */
export async function noteWhole(registers: RegisterStore, id: string, generation: number, wholeAtMs: number): Promise<void> {
  await registers.compareAndSet(wholeName(id), null, encodeWhole({ formatVersion: WHOLE_VERSION, view: id, wholeAtMs, generation }))
}

/** Whether it was found to be whole. Throws STORE_DAMAGED, STORE_TOO_NEW. */
export async function isWhole(registers: RegisterStore, id: string): Promise<boolean> {
  const register = await registers.read(wholeName(id))
  if (register === null) return false
  decodeWhole(register.bytes, wholeName(id))
  return true
}

export interface HowFar {
  /** What it lacks, a sentence; null: nothing. */
  readonly howFar: string | null
  readonly generation: number
}

/** What a view version that was not found to be whole lacks by now. */
export async function readHowFar(registers: RegisterStore, speedViews: Pick<SpeedViewStore, 'heartbeats'>, { view, source }: ViewPlan): Promise<HowFar> {
  if (source.kind !== 'event') return { howFar: 'Its source is a batch table, of which services make nothing.', generation: 0 }
  const { register: { sealedThrough, openings } } = await readSealRegister(registers, source)
  const { pointer: { n: generation } } = await readPointer(registers, viewId(view))
  if (sealedThrough !== null && generation === 0) {
    return { howFar: `Its first generation is not published yet; the archive is sealed until ${new Date((sealedThrough + 1) * source.epochLengthMs).toISOString()}.`, generation }
  }
  const partitions = [...new Set(openings.map(({ partition }) => partition))]
  if (partitions.length === 0) return { howFar: 'No partition of its log is taken up yet.', generation }
  const heartbeats = await speedViews.heartbeats(viewId(view))
  const lacking = partitions.flatMap((partition) => {
    const bytes = heartbeats.get(partition)
    if (bytes === undefined) return [`partition ${partition} is not taken up`]
    const { caughtUpAtMs, stopped, logEnd, nextOffset } = decodeHeartbeat(bytes, `heartbeat of view ${viewId(view)}, partition ${partition}`)
    if (stopped !== null) return [`partition ${partition} stands still (${stopped.code})`]
    return caughtUpAtMs === null ? [`${logEnd - nextOffset} records are left of partition ${partition}`] : []
  })
  return { howFar: lacking.length === 0 ? null : `Its stream is behind: ${lacking.join(', ')}.`, generation }
}

function wholeName(id: string): string {
  return `whole/${id}`
}

const form: z.ZodType<WholeView> = z.strictObject({ formatVersion: z.literal(WHOLE_VERSION), view: z.string(), wholeAtMs: z.int(), generation: z.int().min(0) })

export function encodeWhole(whole: WholeView): Uint8Array {
  return encodeSealed(whole)
}

/** Throws STORE_DAMAGED, STORE_TOO_NEW. */
export function decodeWhole(bytes: Uint8Array, where: string): WholeView {
  return decodeSealed(form, WHOLE_VERSION, bytes, where, 'Put the register back as it was.')
}
