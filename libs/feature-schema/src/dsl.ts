// The language that definitions are written in: sources, feature views, feature services. What it makes are plain definitions
// (`.definition`); nothing is refused here at run time, whatever is given, so that `checkDefinitions` can say everything that is wrong at once.

import type { Aggregation } from './aggregations.ts'
import type { FeatureServiceDefinition, FeatureViewDefinition, Ownership, RecordFormat, SourceDefinition } from './definition.ts'
import { readAggregations, readDerived, readEntity, readFields, readReferences, referenceNames } from './dsl-shapes.ts'
import type {
  CheckedCondition,
  CheckedFeatures,
  Columns,
  DerivedColumn,
  DerivedColumns,
  EventTimeField,
  Field,
  Fields,
  KeyColumn,
} from './dsl-types.ts'
import { type DurationText, parseDurationMs, parseDurationOrZeroMs } from './duration.ts'
import { BUCKET_COUNT_DEFAULT, EPOCH_LENGTH_DEFAULT_MS, SKEW_MAX_DEFAULT_MS } from './limits.ts'
import { DEFINED, isDefinedAs, ShapeFaults } from './shape-faults.ts'
import { parseTimestampMs } from './timestamp-text.ts'
import type { ValueType } from './value.ts'

export interface Source<F extends Fields = Fields> {
  readonly [DEFINED]: 'source'
  readonly definition: SourceDefinition
  readonly fields: F
}

/** A view; each of its features is a property too: `airportDelays.departures_1h`. */
export type FeatureView<Name extends string = string> = AnyFeatureView & {
  readonly [N in Name]: FeatureReference
} & {
  /** The feature of that name. */
  feature(name: Name): FeatureReference
}

export interface AnyFeatureView {
  readonly [DEFINED]: 'view'
  readonly definition: FeatureViewDefinition
  /** null where what was given is none, which `checkDefinitions` tells. */
  readonly source: Source | null
}

export interface FeatureReference {
  readonly view: AnyFeatureView
  readonly feature: string
}

export interface FeatureService {
  readonly [DEFINED]: 'service'
  readonly definition: FeatureServiceDefinition
  readonly views: readonly AnyFeatureView[]
}

/** A named entity that several views share, where each source's columns have the join keys' names. */
export interface SharedEntity<Key extends string = string> {
  readonly [DEFINED]: 'entity'
  readonly name: string
  readonly keys: readonly Key[]
}

export const timestamp = typeBuilder('timestamp')
export const string = typeBuilder('string')
export const int32 = typeBuilder('int32')
export const int64 = typeBuilder('int64')
export const double = typeBuilder('double')
export const boolean = typeBuilder('boolean')

interface TypeBuilder<Type extends ValueType> {
  /** A field, never NULL. */
  (): Field<Type, false>
  /** A derived column: an expression over the source's fields, whose value has this type. */
  (expression: string): DerivedColumn<Type>
}

function typeBuilder<Type extends ValueType>(type: Type): TypeBuilder<Type> {
  function build(): Field<Type, false>
  function build(expression: string): DerivedColumn<Type>
  function build(expression?: string): Field<Type, false> | DerivedColumn<Type> {
    return expression === undefined ? buildField<Type, false>({ type, nullable: false }) : { definition: { type, expression } }
  }
  return build
}

function buildField<Type extends ValueType, Nullable extends boolean>(
  definition: Field<Type, Nullable>['definition'],
): Field<Type, Nullable> {
  return {
    definition,
    nullable: () => buildField<Type, true>({ ...definition, nullable: true }),
    between: (min, max) => buildField({ ...definition, min: boundOf(min), max: boundOf(max) }),
    tags: (...tags) => buildField({ ...definition, tags }),
    owner: (owner) => buildField({ ...definition, owner }),
    describe: (description) => buildField({ ...definition, description }),
  }
}

function boundOf(bound: number | string): number {
  return typeof bound === 'number' ? bound : (parseTimestampMs(bound) ?? Number.NaN)
}

interface SourceOptions<F extends Fields> extends Ownership {
  readonly fields: F
  /** When it happened: a timestamp that is never NULL. */
  readonly eventTime: EventTimeField<F>
  /** Length of an epoch; batch generations cut between epochs. Default '1h'. */
  readonly epochLength?: DurationText
  /** How far clocks may be apart. Default '30s'. */
  readonly skewMax?: DurationText | '0'
  /** Offline, a row at t uses what was known this long before t. Default: none. */
  readonly delay?: DurationText | '0'
  readonly version?: number
}

interface EventSourceOptions {
  /** The field or file column with the log's time, where files have one. */
  readonly appendTime?: string
  /** How the log's records are written. Default 'json'. */
  readonly format?: RecordFormat
  /** The topic of the producers, where it keeps their times: its records are appended to the source's own topic again. */
  readonly relayFrom?: string
}

interface BatchTableOptions {
  /** The field or file column that says when a row could be read. */
  readonly availableTime?: string
}

/** A stream of events of one schema. */
export function eventSource<const F extends Fields>(name: string, options: SourceOptions<F> & EventSourceOptions): Source<F> {
  return source('event', name, options)
}

/** Rows that arrive whole. */
export function batchTable<const F extends Fields>(name: string, options: SourceOptions<F> & BatchTableOptions): Source<F> {
  return source('batch-table', name, options)
}

const SOURCE_OPTIONS = ['fields', 'eventTime', 'epochLength', 'skewMax', 'delay', 'version', 'owner', 'description', 'tags'] as const
const OWN_OPTIONS = { 'event': ['appendTime', 'format', 'relayFrom'], 'batch-table': ['availableTime'] } as const

function source<F extends Fields>(kind: SourceDefinition['kind'], name: string, given: SourceOptions<F> & EventSourceOptions & BatchTableOptions): Source<F> {
  const faults = new ShapeFaults()
  const options = faults.options(given, [...SOURCE_OPTIONS, ...OWN_OPTIONS[kind]])
  const appendTime = kind === 'event' ? options.appendTime : options.availableTime
  const definition: SourceDefinition = {
    kind,
    name: faults.name(name, "eventSource('payments', { … })"),
    version: options.version ?? 1,
    fields: readFields(faults, options.fields),
    ...(kind === 'event' && options.format !== undefined && options.format !== 'json' && { format: options.format }),
    ...(kind === 'event' && options.relayFrom !== undefined && { relayFrom: options.relayFrom }),
    eventTime: options.eventTime!,
    ...(appendTime !== undefined && { appendTime }),
    epochLengthMs: durationOr(options.epochLength, EPOCH_LENGTH_DEFAULT_MS),
    skewMaxMs: options.skewMax === undefined ? SKEW_MAX_DEFAULT_MS : (parseDurationOrZeroMs(options.skewMax) ?? Number.NaN),
    delayMs: options.delay === undefined ? 0 : (parseDurationOrZeroMs(options.delay) ?? Number.NaN),
    ...ownership(options),
  }
  return { [DEFINED]: 'source', definition: faults.on(definition), fields: given?.fields }
}

/** A shared entity: `entity('route', 'origin', 'destination')`. */
export function entity<const Key extends string>(name: string, ...keys: readonly Key[]): SharedEntity<Key> {
  return { [DEFINED]: 'entity', name, keys }
}

/** A view: what is computed for each entity of a source. See docs/definitions.md. */
export function featureView<
  const F extends Fields,
  const A extends Readonly<Record<string, Aggregation>>,
  const D extends DerivedColumns = Readonly<Record<never, DerivedColumn>>,
  const Where extends string = string,
>(
  name: string,
  given: Ownership & {
    readonly source: Source<F>
    /** Join key -> the column that holds it: `{ airport: 'origin' }`; or a shared entity. */
    readonly entity: Readonly<Record<string, KeyColumn<Columns<F, D>>>> | SharedEntity<KeyColumn<Columns<F, D>>>
    /** Only events for which this is true. */
    readonly where?: Where & CheckedCondition<Where, Columns<F, D>>
    readonly derive?: D
    readonly features: A & CheckedFeatures<A, Columns<F, D>>
    /** An entity whose newest event is older gets OUTSIDE_MAX_AGE. */
    readonly maxAge?: DurationText
    /** A power of two. Default 64. */
    readonly buckets?: number
    readonly version?: number
  },
): FeatureView<FeatureName<A>> {
  const faults = new ShapeFaults()
  const options = faults.options(given, VIEW_OPTIONS)
  const source = isDefinedAs('source', options.source) ? options.source! : null
  if (source === null) faults.expected('source', 'a source', options.source, 'Give what eventSource(…) or batchTable(…) returned, not its name.', true)
  const definition: FeatureViewDefinition = {
    name: faults.name(name, "featureView('card_spending', { … })"),
    version: options.version ?? 1,
    source: source?.definition.name ?? String(options.source),
    sourceVersion: source?.definition.version ?? Number.NaN,
    ...readEntity(faults, options.entity),
    ...(options.where !== undefined && { where: options.where }),
    derive: options.derive === undefined ? [] : readDerived(faults, options.derive),
    aggregations: readAggregations(faults, options.features),
    ...(options.maxAge !== undefined && { maxAgeMs: durationOr(options.maxAge, 0) }),
    bucketCount: options.buckets ?? BUCKET_COUNT_DEFAULT,
    ...ownership(options),
  }
  return withFeatures({ [DEFINED]: 'view', definition: faults.on(definition), source })
}

const VIEW_OPTIONS = ['source', 'entity', 'where', 'derive', 'features', 'maxAge', 'buckets', 'version', 'owner', 'description', 'tags'] as const

type FeatureName<A> = {
  [Name in keyof A & string]: A[Name] extends Aggregation<infer _, infer Window> ? `${Name}_${Window}` : never
}[keyof A & string]

function withFeatures<Name extends string>(view: AnyFeatureView): FeatureView<Name> {
  const names = view.definition.aggregations.flatMap(({ name, windows }) => windows.map((window) => `${name}_${window.name}`))
  const references = names.map((feature): [string, FeatureReference] => [feature, { view, feature }])
  const feature = (name: Name): FeatureReference => ({ view, feature: name })
  return { ...Object.fromEntries(references), ...view, feature } as FeatureView<Name>
}

/** Every feature of a view, in its order. */
export function all(view: AnyFeatureView): readonly FeatureReference[] {
  // What is no view is one thing in the list that is no feature.
  if (!isDefinedAs('view', view)) return [view as unknown as FeatureReference]
  return view.definition.aggregations.flatMap(({ name, windows }) =>
    windows.map((window) => ({ view, feature: `${name}_${window.name}` })),
  )
}

/** The named, versioned list of features that one model reads, in the model's order. */
export function featureService(
  name: string,
  given: Ownership & {
    readonly features: readonly (FeatureReference | readonly FeatureReference[])[]
    readonly version?: number
  },
): FeatureService {
  const faults = new ShapeFaults()
  const options = faults.options(given, ['features', 'version', 'owner', 'description', 'tags'])
  const references = readReferences(faults, options.features)
  const definition: FeatureServiceDefinition = {
    name: faults.name(name, "featureService('fraud_model', { … })"),
    version: options.version ?? 1,
    features: referenceNames(references),
    ...ownership(options),
  }
  return { [DEFINED]: 'service', definition: faults.on(definition), views: [...new Set(references.map(({ view }) => view))] }
}

function durationOr(text: DurationText | undefined, fallbackMs: number): number {
  return text === undefined ? fallbackMs : (parseDurationMs(text) ?? Number.NaN)
}

function ownership({ owner, description, tags }: Partial<Ownership>): Ownership {
  return {
    ...(owner !== undefined && { owner }),
    ...(description !== undefined && { description }),
    ...(tags !== undefined && { tags }),
  }
}
