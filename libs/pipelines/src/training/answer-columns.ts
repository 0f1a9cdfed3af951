// The columns that answers are written in, beside the rows they are for: a value each, and its status where that is asked for. Training sets and
// replays write the same form, so that they can be compared.
import type { FeatureStatus } from '@tidemark/aggregation/feature-value'
import type { FinalValue } from '@tidemark/aggregation/partial'
import { finalType } from '@tidemark/feature-schema/aggregation-rules'
import type { Value } from '@tidemark/feature-schema/value'
import type { TableColumn } from '@tidemark/ports/batch-engine'
import type { ResolvedFeature } from '../resolve-features.ts'

export interface AnsweredValue {
  readonly status: FeatureStatus
  readonly value: FinalValue
}

export interface AnswerForm {
  /** Adds a column `${feature}__status` beside each feature. */
  readonly hasStatuses?: boolean
  /** Gives a feature's declared default in place of NULL_VALUE and NOT_FOUND. */
  readonly hasDefaults?: boolean
}

/** By feature column: how many rows have each status. Rows without a time or keys have none. */
export type StatusCounts = Readonly<Record<string, Readonly<Partial<Record<FeatureStatus, number>>>>>

/** Appends a feature's value, and its status where that is asked for. */
export function columnWriter(columns: Record<string, Value[]>, feature: ResolvedFeature, { hasStatuses, hasDefaults }: AnswerForm): (value: AnsweredValue | null) => void {
  const values: Value[] = (columns[columnName(feature)] = [])
  const statuses: Value[] | null = hasStatuses === true ? (columns[statusName(feature)] = []) : null
  const { default: declared = null } = feature.feature.aggregation
  return (value) => {
    const isDefaulted = hasDefaults === true && (value?.status === 'NULL_VALUE' || value?.status === 'NOT_FOUND')
    values.push(value?.status === 'PRESENT' ? cellOf(value.value) : isDefaulted ? declared : null)
    statuses?.push(value?.status ?? null)
  }
}

/** The name of a feature's column: `airport_delays__departures_1h`. */
export function columnName({ plan, feature }: ResolvedFeature): string {
  return `${plan.view.name}__${feature.name}`
}

function statusName(feature: ResolvedFeature): string {
  return `${columnName(feature)}__status`
}

export function columnsOf(feature: ResolvedFeature, hasStatuses: boolean): TableColumn[] {
  const { aggregation, slot } = feature.feature
  const type = finalType(aggregation, slot.inputType)
  const column: TableColumn = { name: columnName(feature), type: type === 'list' || type === 'map' ? 'json' : type }
  return hasStatuses ? [column, { name: statusName(feature), type: 'string' }] : [column]
}

/** Lists and maps as JSON, in which an integer beyond 2^53 is a string. */
function cellOf(value: FinalValue): Value {
  if (typeof value !== 'object' || value === null) return value
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner))
}

/** What the rows came to, counted as they pass. */
export class AnswerTally {
  unreadableTimeCount = 0
  private readonly features: readonly ResolvedFeature[]
  private readonly counts: Partial<Record<FeatureStatus, number>>[]

  constructor(features: readonly ResolvedFeature[]) {
    this.features = features
    this.counts = features.map(() => ({}))
  }

  add(feature: number, value: AnsweredValue | null): void {
    const counts = this.counts[feature]!
    if (value !== null) counts[value.status] = (counts[value.status] ?? 0) + 1
  }

  /** By feature column: how many rows have each status. */
  statusCounts(): StatusCounts {
    return Object.fromEntries(this.features.map((feature, i) => [columnName(feature), this.counts[i]!]))
  }
}
