// Random histories of a log: several entities and partitions, bursts, equal times, late and future events, append times that step
// back, NULLs, extremes of every type, Unicode.

import type { FeatureViewDefinition, SourceDefinition, WindowDefinition } from '@tidemark/feature-schema/definition'
import { TIMESTAMP_MAX_MS, TIMESTAMP_MIN_MS } from '@tidemark/feature-schema/limits'
import { INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, type Row, type Value } from '@tidemark/feature-schema/value'
import type { OracleEvent } from './oracle.ts'
import type { Random } from './random.ts'

export const USERS = ['ann', 'bob', '']
export const REGIONS = [1, 2]

const TEXT_VALUES = [
  'a', 'b', 'A', '', ' ', 'ß', 'é', 'e\u0301', '\uffff', '\u{1f600}', '__proto__', 'constructor', '10', '9', 'null', 'none', 'x'.repeat(300),
]
const DAY_MS = 86_400_000

/** How wild a history's numbers are: mild ones keep every value present, wild ones overflow. */
type Mood = 'mild' | 'wild'

export function windowsOf(view: FeatureViewDefinition): WindowDefinition[] {
  return view.aggregations.flatMap(({ windows }) => windows)
}

/** `count` events of a log, in the order of arrival; each partition's offsets ascend. */
export function generateEvents(random: Random, view: FeatureViewDefinition, source: SourceDefinition, count: number): OracleEvent[] {
  const mood: Mood = random.chance(0.7) ? 'mild' : 'wild'
  const steps = stepsOf(random, view, count)
  const partitions = Array.from({ length: random.between(1, 3) }, (_, partition) => (
    { partition, offset: random.below(3), epoch: -Infinity, behindMs: random.pick([0, 0, 700]) }
  ))
  let clockMs = random.pick([0, -5, 1_700_000_000_000, 982_137_600_000, -3_000_000_000_000, random.between(-1e9, 1e9)])
  return Array.from({ length: count }, () => {
    clockMs += random.pick(steps)
    const log = random.pick(partitions)
    const appendTimeMs = clockMs - log.behindMs - (random.chance(0.1) ? random.pick(steps) : 0)
    log.epoch = Math.max(log.epoch, Math.floor(appendTimeMs / source.epochLengthMs))
    log.offset += random.pick([1, 1, 1, 4])
    const eventTimeMs = generateEventTime(random, view, appendTimeMs)
    return { fields: generateFields(random, mood, eventTimeMs), eventTimeMs, appendTimeMs, partition: log.partition, offset: log.offset, epoch: log.epoch }
  })
}

/** Gaps between records: none in a burst, and what makes a history about as long as one of the windows. */
function stepsOf(random: Random, view: FeatureViewDefinition, count: number): number[] {
  const { lengthMs, resolutionMs } = random.pick(windowsOf(view))
  const spanMs = lengthMs === null ? 10 * DAY_MS : lengthMs * random.pick([0.5, 1, 3])
  return [0, 1, random.below(resolutionMs ?? DAY_MS), Math.ceil(spanMs / count), random.below(Math.ceil((4 * spanMs) / count) + 1)]
}

function generateEventTime(random: Random, view: FeatureViewDefinition, appendTimeMs: number): number {
  const { lengthMs, resolutionMs } = random.pick(windowsOf(view))
  const pane = resolutionMs ?? DAY_MS
  const late = appendTimeMs - random.below(lengthMs ?? 30 * DAY_MS)
  const choice = random.next()
  if (choice < 0.4) return appendTimeMs - random.below(pane)
  if (choice < 0.6) return late
  if (choice < 0.75) return Math.floor(late / pane) * pane - random.pick([0, 0, 1])
  if (choice < 0.85) return appendTimeMs + random.between(1, 2 * pane)
  if (choice < 0.95) return appendTimeMs - random.below(3 * (lengthMs ?? DAY_MS))
  return random.pick([0, -1, TIMESTAMP_MIN_MS, TIMESTAMP_MAX_MS, appendTimeMs])
}

function generateFields(random: Random, mood: Mood, eventTimeMs: number): Row {
  const orNull = (value: Value): Value => (random.chance(0.12) ? null : value)
  return [
    random.chance(0.05) ? null : random.pick(USERS),
    random.chance(0.05) ? null : random.pick(REGIONS),
    eventTimeMs,
    orNull(generateSmall(random, mood)),
    orNull(generateBig(random, mood)),
    orNull(generateReal(random, mood)),
    orNull(random.chance(0.6) ? random.pick(['a', 'b', '10']) : random.pick(TEXT_VALUES)),
    orNull(random.chance(0.5)),
    orNull(random.pick([0, -1, eventTimeMs, 1_700_000_000_000 + random.below(5)])),
  ]
}

function generateSmall(random: Random, mood: Mood): Value {
  return mood === 'wild' && random.chance(0.2) ? random.pick([INT32_MIN, INT32_MAX]) : random.between(-3, 25)
}

function generateBig(random: Random, mood: Mood): Value {
  const edges = [INT64_MAX, INT64_MIN, 2n ** 53n, -(2n ** 60n), Number.MAX_SAFE_INTEGER]
  return mood === 'wild' && random.chance(0.4) ? random.pick(edges) : random.chance(0.2) ? 2n ** 54n + BigInt(random.below(3)) : random.between(-1000, 1000)
}

function generateReal(random: Random, mood: Mood): Value {
  if (mood === 'wild' && random.chance(0.3)) return random.pick([1e308, -1e308, 1.0001e150, 1e150, 5e-324, -1e18, 1.2e18, 9.9e17])
  return random.pick([random.between(-100, 100) / 4, random.next() * 1000, -random.next() * 1e-6, 0, 1e-9, 1e16, -1e16, 0.1, 1])
}
