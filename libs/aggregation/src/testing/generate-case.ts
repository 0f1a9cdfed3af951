// A whole random case of the seam: a view, a history of its source, what batch contains, what speed has folded, and what is asked.

import type { FeatureViewDefinition, SourceDefinition, WindowDefinition } from '@tidemark/feature-schema/definition'
import type { Value } from '@tidemark/feature-schema/value'
import { generateSource, generateView } from './generate-definition.ts'
import { generateEvents, REGIONS, USERS, windowsOf } from './generate-events.ts'
import type { OracleEvent } from './oracle.ts'
import { without } from './property.ts'
import { seededRandom, type Random } from './random.ts'

export interface SeamCase {
  readonly view: FeatureViewDefinition
  readonly source: SourceDefinition
  readonly events: readonly OracleEvent[]
  /** The last epoch of the batch blob; -Infinity without batch. */
  readonly cut: number
  /** The last epoch whose sections the speed view has dropped: -Infinity for none; after `cut` only where the reader's pin is too old. */
  readonly droppedThrough: number
  /** Partition → last offset that the speed view has folded. */
  readonly fences: ReadonlyMap<number, number>
  /** Draws the order of arrival, what is encoded between, and the times that are asked about. */
  readonly seed: number
}

export function generateCase(random: Random, generate: (random: Random, source: SourceDefinition) => FeatureViewDefinition = generateView): SeamCase {
  const source = generateSource(random)
  const view = generate(random, source)
  const events = generateEvents(random, view, source, random.pick([1, 3, 10, 30, 80]))
  const epochs = events.map(({ epoch }) => epoch)
  const cut = random.chance(0.15) ? -Infinity : random.pick(epochs) + random.pick([-1, 0, 0, 0, 1])
  const droppedThrough = random.pick([-Infinity, Math.min(cut, random.pick(epochs)), cut])
  const isPinTooOld = random.chance(0.05)
  return {
    view, source, events, cut,
    droppedThrough: isPinTooOld ? Math.max(cut + 1, random.pick(epochs)) : droppedThrough,
    fences: generateFences(random, events),
    seed: random.below(2 ** 31),
  }
}

/** What speed has folded of each partition: everything, nothing, or up to some record. */
function generateFences(random: Random, events: readonly OracleEvent[]): Map<number, number> {
  const partitions = [...new Set(events.map(({ partition }) => partition))]
  return new Map(partitions.map((partition) => {
    const offsets = events.filter((event) => event.partition === partition).map(({ offset }) => offset)
    return [partition, random.chance(0.6) ? offsets.at(-1)! : random.chance(0.1) ? -1 : random.pick(offsets)]
  }))
}

/** Every entity that the view may have here. */
export function entitiesOf(view: FeatureViewDefinition): Value[][] {
  return view.entity.length === 1 ? USERS.map((user) => [user]) : USERS.flatMap((user) => REGIONS.map((region) => [user, region]))
}

/** Times to ask about after the newest append time: at once, on windows' edges, much later. */
export function generateTimes(random: Random, { view, events }: SeamCase, logTimeMs: number): number[] {
  const windows = windowsOf(view).filter(isFinite)
  const onEdge = (): number => {
    if (windows.length === 0) return logTimeMs + 1
    const { lengthMs, resolutionMs } = random.pick(windows)
    const { eventTimeMs } = random.pick(events)
    const nextPane = Math.ceil((logTimeMs + 1) / resolutionMs) * resolutionMs
    const edge = random.chance(0.5) ? nextPane : Math.floor(eventTimeMs / resolutionMs) * resolutionMs + lengthMs
    return edge + random.pick([-1, 0, 0, 1, resolutionMs])
  }
  const later = [logTimeMs + 1, onEdge(), onEdge(), onEdge(), logTimeMs + random.between(1, 2 * (windows[0]?.lengthMs ?? 1000)), logTimeMs + 315_360_000_000]
  return [...new Set(later)].filter((timeMs) => timeMs > logTimeMs)
}

function isFinite(window: WindowDefinition): window is WindowDefinition & { lengthMs: number; resolutionMs: number } {
  return window.lengthMs !== null && window.resolutionMs !== null
}

/** The case with less: fewer events, aggregations, windows. */
export function* shrinkCase(example: SeamCase): Iterable<SeamCase> {
  const { view } = example
  for (const events of without(example.events)) if (events.length > 0) yield { ...example, events }
  for (const aggregations of without(view.aggregations)) if (aggregations.length > 0) yield { ...example, view: { ...view, aggregations } }
  for (const [i, aggregation] of view.aggregations.entries()) {
    for (const windows of without(aggregation.windows)) {
      if (windows.length > 0) yield { ...example, view: { ...view, aggregations: view.aggregations.with(i, { ...aggregation, windows }) } }
    }
    const { where, groupBy, ...plain } = aggregation
    if (where !== undefined || groupBy !== undefined) yield { ...example, view: { ...view, aggregations: view.aggregations.with(i, plain) } }
  }
  const { where, maxAgeMs, ...anyEvent } = view
  if (where !== undefined || maxAgeMs !== undefined) yield { ...example, view: anyEvent }
  if (example.droppedThrough > -Infinity) yield { ...example, droppedThrough: -Infinity }
}

/** The case's own chance, the same however often it is judged. */
export function chanceOf(example: SeamCase): Random {
  return seededRandom(example.seed)
}
