// Commands that work for the definitions at hand: one sends an event whose every field has a sensible value, one asks for its entity's features.
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { FieldDefinition, SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Value, ValueType } from '@tidemark/feature-schema/value'
import { compileJsonDecoder } from '@tidemark/pipelines/log/log-decoder'
import type { FeatureCatalog } from '@tidemark/pipelines/serve/feature-catalog'

export interface ExampleRequests {
  /** Shell commands. */
  readonly send: string
  readonly ask: string
}

/** null: no view reads events. */
export function exampleRequests(url: string, { plans, services }: FeatureCatalog, nowMs: number): ExampleRequests | null {
  const first = plans.find(({ source }) => source.kind === 'event')
  if (first === undefined) return null
  const service = services.find(({ features }) => features.some(({ view }) => view === first.view.name))
  const asked = service === undefined ? [first] : plans.filter(({ view }) => service.features.some((feature) => feature.view === view.name))
  const entity = Object.fromEntries(asked.flatMap((plan) => exampleEntity(plan, nowMs)))
  const question = { ...(service === undefined ? { features: first.features.map(({ name }) => `${first.view.name}:${name}`) } : { service: service.definition.name }), entities: [entity] }
  const isNow = clamp(fieldOf(first.source, first.source.eventTime), nowMs) === nowMs
  const event = quoted(JSON.stringify(exampleEvent(first.source, nowMs, isNow)))
  return {
    send: curl(`${url}/v1/events/${first.source.name}`, event.replace(NOW, `'"$(date -u +%Y-%m-%dT%H:%M:%SZ)"'`)),
    ask: curl(`${url}/v1/features`, quoted(JSON.stringify(question))),
  }
}

/** Stands for the time at which the command is run. */
const NOW = '@now@'

function curl(url: string, body: string): string {
  return `curl -s ${url} -H 'content-type: application/json' -d ${body}`
}

function quoted(text: string): string {
  return `'${text.replaceAll(`'`, `'\\''`)}'`
}

function exampleEvent(source: SourceDefinition, nowMs: number, isNow: boolean): Record<string, unknown> {
  return Object.fromEntries(source.fields.map((field) => [field.name, isNow && field.name === source.eventTime ? NOW : exampleField(field, nowMs)]))
}

function exampleField(field: FieldDefinition, nowMs: number): unknown {
  switch (field.type) {
    case 'timestamp':
      return new Date(clamp(field, nowMs)).toISOString()
    case 'int32':
    case 'int64':
      return Math.ceil(clamp(field, 1))
    case 'double':
      return clamp(field, 1.5)
    case 'boolean':
    case 'string':
      return exampleValue(field.type, field.name)
  }
}

/** Of a key that no field of the example event gives. */
function exampleValue(type: ValueType, name: string): unknown {
  if (type === 'string') return `${name}-1`
  return type === 'boolean' ? true : 1
}

function clamp({ min = -Infinity, max = Infinity }: Pick<FieldDefinition, 'min' | 'max'>, value: number): number {
  return Math.min(max, Math.max(min, value))
}

function fieldOf({ fields }: SourceDefinition, name: string): FieldDefinition {
  return fields.find((field) => field.name === name)!
}

/** The join keys that the example event has in a view. */
function exampleEntity({ source, derived, keys }: ViewPlan, nowMs: number): [string, unknown][] {
  const { row } = compileJsonDecoder(source)({ offset: 0, appendTimeMs: 0, key: null, headers: {}, value: Buffer.from(JSON.stringify(exampleEvent(source, nowMs, false))) })
  const filled: Value[] = row ?? []
  if (row !== null) for (const { evaluate } of derived) filled.push(evaluate(filled))
  return keys.map(({ key, type, index }) => {
    const value = filled[index] ?? exampleValue(type, key)
    return [key, typeof value === 'bigint' ? String(value) : value]
  })
}
