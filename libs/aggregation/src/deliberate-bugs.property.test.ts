// Each rule of the core broken once, on purpose: a function of the core is replaced, or a module that it is made of. The suites
// of the laws must notice within a CI run, at a case where the unbroken core passes.

import { afterAll, describe, expect, it, jest } from '@jest/globals'
import { decodeBlob } from './batch-blob.ts'
import type { EntityState } from './entity-state.ts'
import type * as fixedKernels from './fixed-kernels.ts'
import type { FoldEvent } from './fold.ts'
import type * as groupMaps from './group-map.ts'
import type * as ladder from './ladder.ts'
import type * as moments from './moments-kernel.ts'
import type * as orderedLists from './ordered-list.ts'
import type { NonNull, RowRange } from './partial.ts'
import type * as rollUps from './roll-up.ts'
import type * as sums from './sum-kernels.ts'
import { type Core, CORE } from './testing/core.ts'
import { encodeChunk } from './testing/encode-chunk.ts'
import type { SeamCase } from './testing/generate-case.ts'
import { findFailure, type Property } from './testing/property.ts'
import { seededRandom } from './testing/random.ts'
import { seamLawOf } from './testing/seam-law.ts'
import { binLawOf, registerLawOf, SKETCHES, type Sketches } from './testing/sketch-laws.ts'
import { replayLawOf, stateLawOf } from './testing/state-law.ts'
import type * as tails from './window-tail.ts'

const caught: string[] = []
afterAll(() => {
  process.stdout.write(`bug → law, seed\n${caught.join('\n')}\n`)
})

/** Notes the first seed at which the broken law fails and the sound one does not. */
function expectCaught<Case>(bug: string, law: string, broken: Property<Case>, sound: Property<Case>): void {
  let failure = findFailure(broken)
  while (failure !== null && sound.judge(sound.generate(seededRandom(failure.seed))) !== null) failure = findFailure(broken, failure.seed + 1)
  caught.push(`${bug} → ${law}, ${failure?.seed ?? `none of ${broken.runs}`}`)
  expect(failure).not.toBeNull()
}

const LAWS = { seam: seamLawOf, state: stateLawOf, replay: replayLawOf }

/** Chunks with the epochs of their tables moved. */
function moveEpochs(plan: Parameters<typeof CORE.mergeAtCut>[0], chunks: readonly Uint8Array[], move: (epoch: number) => number): Uint8Array[] {
  return chunks.map((chunk) => {
    const decoded = decodeBlob(plan, chunk)
    return encodeChunk(plan, { ...decoded, panes: decoded.panes.map((pane) => ({ ...pane, epoch: move(pane.epoch) })) })
  })
}

/** Folds each event as `change` makes it; `number` counts the state's events in the order of arrival. */
function foldChanged(change: (event: FoldEvent, number: number, epochLengthMs: number) => FoldEvent): Partial<Core> {
  const numbers = new WeakMap<object, number>()
  return {
    foldEvent(plan, state, event) {
      const number = (numbers.get(plan) ?? 0) + 1
      numbers.set(plan, number)
      CORE.foldEvent(plan, state, change(event, number, plan.source.epochLengthMs))
    },
  }
}

/** Functions of the core, each with one rule broken. */
const BROKEN_CORES: Readonly<Record<string, readonly [keyof typeof LAWS, Partial<Core>]>> = {
  'cut: sections of the cut itself are added too': ['seam', {
    mergeAtCut: (plan, batch, speed, at) => CORE.mergeAtCut(plan, batch, moveEpochs(plan, speed, (epoch) => epoch + 1), at),
  }],
  'cut: the first section after it is left out': ['seam', {
    mergeAtCut: (plan, batch, speed, at) => CORE.mergeAtCut(plan, batch, moveEpochs(plan, speed, (epoch) => epoch - 1), at),
  }],
  'cut: every section is added': ['seam', {
    mergeAtCut: (plan, batch, speed, at) => CORE.mergeAtCut(plan, batch, moveEpochs(plan, speed, (epoch) => epoch + 1e9), at),
  }],
  'merge: the batch blob is forgotten where there is speed': ['seam', {
    mergeAtCut: (plan, batch, speed, at) => CORE.mergeAtCut(plan, speed.length > 0 ? null : batch, speed, at),
  }],
  'epoch: of the record alone, not the running maximum': ['seam', foldChanged((event, _, epochLengthMs) => (
    { ...event, epoch: Math.floor(event.appendTimeMs / epochLengthMs) }
  ))],
  'ties: broken by arrival': ['seam', foldChanged((event, number) => ({ ...event, partition: 0, offset: number }))],
  'ties: broken without the partition': ['seam', foldChanged((event) => ({ ...event, partition: 0 }))],
  'drop: one epoch more than is said': ['seam', {
    dropSections(plan, state: EntityState, throughEpoch) {
      CORE.dropSections(plan, state, throughEpoch + 1)
      state.droppedThroughEpoch = throughEpoch
    },
  }],
  'drop: nothing is said': ['seam', {
    encodeState(plan, state) {
      const { droppedThroughEpoch } = state
      state.droppedThroughEpoch = -Infinity
      const encoded = CORE.encodeState(plan, state)
      state.droppedThroughEpoch = droppedThroughEpoch
      return encoded
    },
  }],
  'fold: a changed closed chunk is not written': ['seam', {
    encodeState(plan, state) {
      const { closed: _, ...encoded } = CORE.encodeState(plan, state)
      return encoded
    },
  }],
  'fold: log time is that of the last event': ['state', {
    foldEvent(plan, state: EntityState, event) {
      CORE.foldEvent(plan, state, event)
      state.logTimeMs = event.appendTimeMs
    },
  }],
  'where: NULL passes': ['seam', {
    planView(view, source) {
      const plan = CORE.planView(view, source)
      const filters = new Set(plan.slots.map(({ whereInput }) => whereInput))
      return { ...plan, inputs: plan.inputs.map((evaluate, i) => (filters.has(i) ? (row) => evaluate(row) ?? true : evaluate)) }
    },
  }],
  'fold: a changed settled chunk is not written': ['seam', {
    encodeState(plan, state) {
      const { settled: _, ...encoded } = CORE.encodeState(plan, state)
      return encoded
    },
  }],
  'max age: forgotten': ['seam', { planView: (view, source) => ({ ...CORE.planView(view, source), newestSlot: null }) }],
  'chance: bytes depend on a clock': ['replay', {
    encodeState: (plan, state) =>
      Object.fromEntries(Object.entries(CORE.encodeState(plan, state)).map(([name, bytes]) => [name, new Uint8Array([...bytes, ticks++ % 251])])),
  }],
}
let ticks = 0

/** Modules of the core, each with one rule broken. */
const BROKEN_MODULES: Readonly<Record<string, readonly [keyof typeof LAWS, string, (real: never) => object]>> = {
  'tail: not rounded to the resolution': ['seam', './window-tail.ts', (): Partial<typeof tails> => ({ windowTailMs: (atMs, windowMs) => atMs - windowMs })],
  'tail: rounded up': ['seam', './window-tail.ts', (): Partial<typeof tails> => ({
    windowTailMs: (atMs, windowMs, resolutionMs) => Math.ceil((atMs - windowMs) / resolutionMs) * resolutionMs,
  })],
  'tail: rounded towards 1970': ['seam', './window-tail.ts', (): Partial<typeof tails> => ({
    windowTailMs: (atMs, windowMs, resolutionMs) => Math.trunc((atMs - windowMs) / resolutionMs) * resolutionMs,
  })],
  'ladder: panes move up one pane early': ['seam', './ladder.ts', (real: typeof ladder): Partial<typeof ladder> => ({
    keepFromMs: (rung, logTimeMs) => real.keepFromMs(rung, logTimeMs) + (rung.alignMs ?? 0),
  })],
  'ladder: panes never move up': ['state', './ladder.ts', (): Partial<typeof ladder> => ({ nextKeepFromChangeMs: () => Infinity })],
  'ladder: the horizon is the shortest window': ['seam', './ladder.ts', (real: typeof ladder): Partial<typeof ladder> => ({
    planRungs(windows) {
      const shortest = (length: number): number => Math.min(...windows.filter(({ resolutionMs }) => resolutionMs === length).map(({ lengthMs }) => lengthMs!))
      return real.planRungs(windows).map((rung) => ({ ...rung, horizonMs: rung.lengthMs === null ? null : shortest(rung.lengthMs) }))
    },
  })],
  'roll-up: what moves up is lost': ['seam', './roll-up.ts', (real: typeof rollUps): Partial<typeof rollUps> => ({
    takeLeaving(rows, limitMs) {
      real.takeLeaving(rows, limitMs)
      return []
    },
  })],
  'roll-up: what moves up stays below too': ['seam', './roll-up.ts', (real: typeof rollUps): Partial<typeof rollUps> => ({
    takeLeaving(rows, limitMs) {
      const places = rows.map(({ row, heapAt }) => ({ row, heapAt }))
      const leaving = real.takeLeaving(rows, limitMs)
      for (const [i, place] of places.entries()) Object.assign(rows[i]!, place)
      return leaving
    },
  })],
  'reshape: a section is skipped that gives panes up': ['state', './roll-up.ts', (real: typeof rollUps): Partial<typeof rollUps> => ({
    tableStays: (group, table, logTimeMs) => real.tableStays(group, table, logTimeMs - (group.rungs[table.rung]!.alignMs ?? 0)),
  })],
  'moments: squares are added without the distance of the means': ['seam', './moments-kernel.ts', (real: typeof moments): Partial<typeof moments> => ({
    MomentsKernel: class extends real.MomentsKernel {
      override accumulate(view: DataView, at: number, ranges: readonly RowRange[], rangeCount: number, offset: number): void {
        let sum = view.getFloat64(at + 16, true)
        for (const range of ranges.slice(0, rangeCount)) {
          for (let i = 0; i < range.count; i++) sum += range.view.getFloat64(range.at + offset + i * range.stride + 16, true)
        }
        super.accumulate(view, at, ranges, rangeCount, offset)
        view.setFloat64(at + 16, sum, true)
      }
    },
  })],
  'integer sums: through doubles': ['seam', './sum-kernels.ts', (real: typeof sums): Partial<typeof sums> => ({
    IntegerSumKernel: class extends real.IntegerSumKernel {
      override fold(view: DataView, at: number, value: NonNull): void {
        super.fold(view, at, BigInt(Number(value)))
      }
    },
  })],
  'min: nothing yet is zero': ['seam', './fixed-kernels.ts', (real: typeof fixedKernels): Partial<typeof fixedKernels> => ({
    fixedKernelFor: (spec) => {
      const kernel = real.fixedKernelFor(spec)
      if (kernel !== null && spec.kind === 'min') kernel.clear = (view, at) => { for (let i = 0; i < kernel.width; i += 8) view.setFloat64(at + i, 0, true) }
      return kernel
    },
  })],
  'top-k: equal values are kept once': ['seam', './ordered-list.ts', (real: typeof orderedLists): Partial<typeof orderedLists> => ({
    rankedListKernel: (kind, type, k) => {
      const kernel = real.rankedListKernel(kind, type, k)
      return {
        ...kernel,
        mergeBytes(buffer, at, ...rest) {
          const length = kernel.mergeBytes(buffer, at, ...rest)
          const once = kernel.encode([...new Set(kernel.decode(buffer.bytes.slice(at, at + length)))])
          buffer.splice(at, length, once.length)
          buffer.bytes.set(once, at)
          return once.length
        },
      }
    },
  })],
  'groups: the cap is forgotten': ['seam', './group-map.ts', (real: typeof groupMaps): Partial<typeof groupMaps> => ({
    groupMapKernel: (type, _, inner) => real.groupMapKernel(type, 1e9, inner),
  })],
}

/** Sketches with one rule broken; a history of a few dozen values hides these, so their own laws are asked. */
const BROKEN_BINS: Readonly<Record<string, Partial<Sketches>>> = {
  'bins: by the logarithm alone': {
    binOf(table, value) {
      const index = Math.ceil(Math.log(Math.abs(value) / 1e-9) * table.inverseLogGamma) + 1
      return Math.abs(value) < 1e-9 ? 0 : Math.sign(value) * Math.min(index, table.outsideBin)
    },
  },
  'bins: a boundary belongs to the next one': { binOf: (table, value) => SKETCHES.binOf(table, value * (1 + Number.EPSILON)) },
}
const BROKEN_REGISTERS: Readonly<Record<string, Partial<Sketches>>> = {
  'registers: ranks count from zero': { rankOf: (hash, precision) => Math.max(1, SKETCHES.rankOf(hash, precision) - 1) },
  'registers: of the last bits': { registerOf: (hash, precision) => hash.low & (2 ** precision - 1) },
}

/** A law over a core that is loaded with other modules in the places of some. */
async function lawWith(modules: Readonly<Record<string, object>>, law: keyof typeof LAWS): Promise<Property<SeamCase>> {
  jest.resetModules()
  for (const [module, replacement] of Object.entries(modules)) jest.unstable_mockModule(module, () => replacement)
  const { CORE: core } = await import('./testing/core.ts')
  const { seamLawOf: seam } = await import('./testing/seam-law.ts')
  const { stateLawOf: state, replayLawOf: replay } = await import('./testing/state-law.ts')
  for (const module of Object.keys(modules)) jest.unstable_unmockModule(module)
  return { seam, state, replay }[law](core)
}

describe('deliberate bugs are caught', () => {
  it.each(Object.entries(BROKEN_CORES))('%s', (bug, [law, broken]) => {
    expectCaught(bug, law, LAWS[law]({ ...CORE, ...broken }), LAWS[law](CORE))
  })

  it.each(Object.entries(BROKEN_BINS))('%s', (bug, broken) => {
    expectCaught(bug, 'bins', binLawOf({ ...SKETCHES, ...broken }), binLawOf(SKETCHES))
  })

  it.each(Object.entries(BROKEN_REGISTERS))('%s', (bug, broken) => {
    expectCaught(bug, 'registers', registerLawOf({ ...SKETCHES, ...broken }), registerLawOf(SKETCHES))
  })

  it.each(Object.entries(BROKEN_MODULES))('%s', async (bug, [law, module, replace]) => {
    jest.resetModules()
    const real = { ...((await import(module)) as object) }
    // Its classes are compared by identity, so the replaced module and the rest of the core share it.
    const shared = { './partial.ts': { ...((await import('./partial.ts')) as object) } }
    const sound = await lawWith({ ...shared, [module]: real }, law)
    const broken = await lawWith({ ...shared, [module]: { ...real, ...replace(real as never) } }, law)
    expectCaught(bug, law, broken, sound)
  })
})
