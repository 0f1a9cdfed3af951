// From the log to the events of a view: derived columns, the filter, the entity's keys and the bounds of epoch and time.
import type { Expression } from '@tidemark/feature-schema/expression/ast'
import { compileExpression } from '@tidemark/feature-schema/expression/closure'
import type { Row, Value } from '@tidemark/feature-schema/value'
import type { EventSelection, InputReport } from '@tidemark/ports/batch-engine'
import { readEvents, type LogEvent } from './read-events.ts'

export type Compile = (expression: Expression) => (row: Row) => Value

/** An entity's events in the order of (event time, partition, offset). */
export interface EntityEvents {
  readonly keys: readonly Value[]
  readonly events: readonly LogEvent[]
}

export interface SelectedEvents {
  /** By the text of the keys. */
  readonly entities: ReadonlyMap<string, EntityEvents>
  readonly report: InputReport
  /** Expressions over the rows of these events. */
  readonly compile: Compile
}

/** Reads the input and keeps what the selection asks for; what is filtered or has no key is counted. */
export async function selectEvents(selection: EventSelection): Promise<SelectedEvents> {
  const { source } = selection.input
  const names = [...source.fields.map(({ name }) => name), ...selection.derive.map(({ definition }) => definition.name)]
  const compile: Compile = (expression) => compileExpression(expression, (name) => names.indexOf(name))
  const { events, report } = await readEvents(selection.input)

  const derived = selection.derive.map(({ expression }) => compile(expression))
  for (const { row } of events) for (const evaluate of derived) row.push(evaluate(row))

  const where = selection.where === null ? null : compile(selection.where)
  const asked = events.filter((event) => isAskedFor(selection, event))
  const passing = asked.filter(({ row }) => where === null || where(row) === true)
  const keyIndexes = selection.keys.map(({ column }) => names.indexOf(column))
  const keyed = passing.filter(({ row }) => keyIndexes.every((index) => row[index] !== null))

  const entities = new Map<string, { keys: Value[]; events: LogEvent[] }>()
  for (const event of keyed.toSorted(byOrder)) {
    const keys = keyIndexes.map((index) => event.row[index]!)
    if (selection.entity !== undefined && keyText(keys) !== keyText(selection.entity)) continue
    const entity = entities.get(keyText(keys)) ?? { keys, events: [] }
    entity.events.push(event)
    entities.set(keyText(keys), entity)
  }
  const counts = { filteredCount: asked.length - passing.length, nullKeyCount: passing.length - keyed.length }
  return { entities, report: { ...report, ...counts }, compile }
}

/** One text for each list of keys. */
export function keyText(keys: readonly Value[]): string {
  return JSON.stringify(keys.map((key) => [typeof key, String(key)]))
}

function isAskedFor({ input, afterEpoch, throughEpoch, untilMs }: EventSelection, { knownMs, ...event }: LogEvent): boolean {
  const epoch = event.epoch ?? Math.floor(knownMs / input.source.epochLengthMs)
  return epoch > (afterEpoch ?? -Infinity) && epoch <= (throughEpoch ?? Infinity) && knownMs < (untilMs ?? Infinity)
}

function byOrder(a: LogEvent, b: LogEvent): number {
  return a.eventTimeMs - b.eventTimeMs || a.partition - b.partition || a.offset - b.offset
}
