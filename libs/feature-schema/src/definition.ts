// The serialised form of definitions: what the registry keeps, what is hashed, and all that running a definition needs.
// The DSL makes these, `parseDefinitions` reads them from JSON, `checkDefinitions` says what is wrong with them.

import type { Value, ValueType } from './value.ts'

/** Version of the JSON form. A release reads its own and the one before; a newer one is refused. */
export const DEFINITIONS_FORMAT_VERSION = 1

export interface Definitions {
  readonly formatVersion: number
  readonly sources: readonly SourceDefinition[]
  readonly views: readonly FeatureViewDefinition[]
  readonly services: readonly FeatureServiceDefinition[]
}

export interface Ownership {
  readonly owner?: string
  readonly description?: string
  readonly tags?: readonly string[]
}

export interface FieldDefinition extends Ownership {
  readonly name: string
  readonly type: ValueType
  readonly nullable: boolean
  /** Declared bounds, inclusive; a record outside them makes no sense and is rejected (a dead letter). Numbers and timestamps. */
  readonly min?: number
  readonly max?: number
}

/** How a log's records are written. 'avro' and 'protobuf': in the wire format of schema registries; the record says the id of its schema. */
export const RECORD_FORMATS = ['json', 'avro', 'protobuf'] as const

export type RecordFormat = (typeof RECORD_FORMATS)[number]

/** A stream of events of one schema (`event`), or rows that arrive whole at an availability time (`batch-table`). */
export interface SourceDefinition extends Ownership {
  readonly kind: 'event' | 'batch-table'
  readonly name: string
  readonly version: number
  readonly fields: readonly FieldDefinition[]
  /** Of the log's records; default: 'json'. Files and requests are JSON whatever it is. */
  readonly format?: RecordFormat
  /** The topic of its producers, which keeps their times: its records are appended to the source's own topic again, which is stamped by the log. */
  readonly relayFrom?: string
  /** A timestamp field: when it happened. */
  readonly eventTime: string
  /** A timestamp field or file column that holds the append time (event) or the availability time (batch-table), where files have one. */
  readonly appendTime?: string
  /** Epoch length in append time; batch generations cut between epochs. */
  readonly epochLengthMs: number
  /** How far clocks may be apart. */
  readonly skewMaxMs: number
  /** Offline, a row at t uses what was appended before t - delayMs. */
  readonly delayMs: number
}

export interface EntityKeyDefinition {
  /** The join key's name, as requests and training rows give it. */
  readonly key: string
  /** The source's field or the view's derived column that holds it. */
  readonly column: string
}

export interface DerivedColumnDefinition {
  readonly name: string
  readonly type: ValueType
  readonly expression: string
}

export type AggregationOp =
  | 'count' | 'sum' | 'mean' | 'min' | 'max' | 'variance' | 'stddev'
  | 'first' | 'last' | 'firstK' | 'lastK' | 'topK' | 'bottomK'
  | 'uniqueCount' | 'approxUniqueCount' | 'quantile' | 'histogram' | 'ratio' | 'timeSinceLast'

export interface WindowDefinition {
  /** The name that ends the feature's name: '1h', '7d', 'lifetime'. */
  readonly name: string
  /** null: lifetime. */
  readonly lengthMs: number | null
  /** null: lifetime; 1: exact. The window's start is rounded down to a multiple of it. */
  readonly resolutionMs: number | null
}

/** One aggregation over some windows: a feature for each window, named `${name}_${window.name}`. */
export interface AggregationDefinition extends Ownership {
  readonly name: string
  readonly op: AggregationOp
  /** Expression over fields and derived columns. null only for count and timeSinceLast (every event counts). */
  readonly of: string | null
  /** ratio: the denominator; sum(of) / sum(per). */
  readonly per?: string
  /** Only events for which this is true. */
  readonly where?: string
  /** A map value: one aggregate for each value of this expression; NULL groups are left out. */
  readonly groupBy?: string
  /** Most groups a map value may have; beyond it the value is UNAVAILABLE. */
  readonly groupsMax?: number
  readonly windows: readonly WindowDefinition[]
  /** firstK, lastK, topK, bottomK. */
  readonly k?: number
  /** quantile: 0 to 1. */
  readonly quantile?: number
  /** quantile: relative error (0.001 to 0.1, default 0.01). approxUniqueCount: relative standard error (0.008125 to 0.26, default 0.0163). */
  readonly error?: number
  /** uniqueCount, histogram: most distinct values that are kept; beyond it the value is UNAVAILABLE. */
  readonly valuesMax?: number
  /** Given instead of NULL_VALUE and NOT_FOUND where a request's policy asks for defaults. */
  readonly default?: Value
}

export interface FeatureViewDefinition extends Ownership {
  readonly name: string
  readonly version: number
  readonly source: string
  readonly sourceVersion: number
  /** Name of the entity, where several views share it; they then agree on its join keys and their types. */
  readonly entityName?: string
  readonly entity: readonly EntityKeyDefinition[]
  readonly where?: string
  readonly derive: readonly DerivedColumnDefinition[]
  readonly aggregations: readonly AggregationDefinition[]
  /** An entity whose newest event is older than this gets OUTSIDE_MAX_AGE. */
  readonly maxAgeMs?: number
  /** A power of two. */
  readonly bucketCount: number
}

export interface FeatureServiceDefinition extends Ownership {
  readonly name: string
  readonly version: number
  /** In the model's order: view name and feature name (`departures_1h`). */
  readonly features: readonly { readonly view: string; readonly feature: string }[]
}
