// The plan of a view: everything that folding, packing, merging and finalising need, worked out once from the definition.
// Slots are grouped into ladders; each ladder group has its own panes, and in a pane's row its slots lie at fixed offsets.

import type {
  AggregationDefinition, DerivedColumnDefinition, FeatureViewDefinition, SourceDefinition, WindowDefinition,
} from '@tidemark/feature-schema/definition'
import type { Expression, Scope } from '@tidemark/feature-schema/expression/ast'
import { checkExpression } from '@tidemark/feature-schema/expression/check'
import { compileExpression } from '@tidemark/feature-schema/expression/closure'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Row, Value, ValueType } from '@tidemark/feature-schema/value'
import type { Rung } from './ladder.ts'
import type { FixedKernel, SlotSpec, VariableKernel } from './partial.ts'
import { layoutIdOf, longestOf, placeSlots, windowsOf } from './plan-layout.ts'
import { draftSlots } from './plan-slots.ts'

export type Evaluate = (row: Row) => Value

interface SlotPlace extends SlotSpec {
  readonly index: number
  /** Index of its ladder group. */
  readonly group: number
  readonly of: Expression | null
  readonly where: Expression | null
  readonly groupBy: Expression | null
  /** Where `ViewPlan.inputs` has its expressions; -1: it has none. */
  readonly ofInput: number
  readonly whereInput: number
  readonly groupInput: number
  /** Of its bytes (fixed), or of the u32 length of its bytes in the heap (variable), in the row. */
  readonly offset: number
}

export interface FixedSlot extends SlotPlace {
  readonly isFixed: true
  readonly kernel: FixedKernel
}

export interface VariableSlot extends SlotPlace {
  readonly isFixed: false
  readonly kernel: VariableKernel
}

/** What is kept of a set of values: one partial of its kind in each pane of its ladder group. */
export type Slot = FixedSlot | VariableSlot

/** Slots with the same rungs and horizons, and the windows that are asked of them. */
export interface LadderGroup {
  readonly index: number
  readonly rungs: readonly Rung[]
  /** How long a span of event time stays in the open chunk. */
  readonly openSpanMs: number
  readonly slots: readonly Slot[]
  readonly fixedSlots: readonly FixedSlot[]
  readonly variableSlots: readonly VariableSlot[]
  /** Bytes of a row: f64 start | slots, padded to 8. */
  readonly rowBytes: number
  /** Shortest first, lifetime last. */
  readonly windows: readonly PlannedWindow[]
}

export interface PlannedWindow {
  readonly lengthMs: number | null
  readonly resolutionMs: number | null
  readonly features: readonly PlannedFeature[]
}

export interface PlannedFeature {
  /** `${aggregation}_${window}` */
  readonly name: string
  readonly index: number
  readonly aggregation: AggregationDefinition
  readonly window: WindowDefinition
  readonly group: number
  readonly slot: Slot
  /** ratio: the denominator. */
  readonly perSlot: Slot | null
}

export interface DerivedColumn {
  readonly definition: DerivedColumnDefinition
  readonly expression: Expression
  readonly evaluate: Evaluate
}

export interface ViewPlan {
  readonly view: FeatureViewDefinition
  readonly source: SourceDefinition
  /** Name → index in a row: the source's fields, then the derived columns. */
  readonly columns: ReadonlyMap<string, number>
  readonly derived: readonly DerivedColumn[]
  readonly where: { readonly expression: Expression; readonly evaluate: Evaluate } | null
  readonly keys: readonly { readonly key: string; readonly column: string; readonly index: number; readonly type: ValueType }[]
  /** The slots' expressions, each once. */
  readonly inputs: readonly Evaluate[]
  /** Working memory of the fold: the inputs' values for one event. */
  readonly inputValues: Value[]
  readonly slots: readonly Slot[]
  readonly groups: readonly LadderGroup[]
  /** In the order of aggregations, then windows. */
  readonly features: readonly PlannedFeature[]
  /** Decides whether an entity is found: lifetime, else the longest; of equal ones the coarsest. */
  readonly longestWindow: WindowDefinition
  /** Index of the group that has it: there every event makes a pane, in the others only events that a slot counts. */
  readonly presenceGroup: number
  /** The newest event time, where the view has a max age; in the presence group. */
  readonly newestSlot: Slot | null
  /** Names what the bytes mean: equal plans have equal ones. */
  readonly layoutId: number
}

/** Plans a view that `checkDefinitions` has passed. */
export function planView(view: FeatureViewDefinition, source: SourceDefinition): ViewPlan {
  const scope = new Map(source.fields.map(({ name, type, nullable }) => [name, { type, nullable }]))
  const columns = new Map(source.fields.map(({ name }, index) => [name, index]))
  const compile = (expression: Expression): Evaluate => compileExpression(expression, (name) => columns.get(name)!)
  const derived = view.derive.map((definition) => {
    const expression = read(definition.expression, scope, definition.type)
    const column = { definition, expression, evaluate: compile(expression) }
    scope.set(definition.name, { type: definition.type, nullable: expression.nullable })
    columns.set(definition.name, columns.size)
    return column
  })
  const where = view.where === undefined ? null : read(view.where, scope, 'boolean')
  const longestWindow = longestOf(view.aggregations.flatMap(({ windows }) => windows))
  const drafts = draftSlots(view, longestWindow, (text, asBoolean) => read(text, scope, asBoolean ? 'boolean' : undefined))
  const { slots, groups, inputs, slotOf } = placeSlots(drafts.slots)
  const features = view.aggregations.flatMap((aggregation) => {
    const [slot, perSlot] = drafts.slotsOf.get(aggregation)!.map((draft) => slotOf.get(draft)!)
    return aggregation.windows.map((window) => ({ aggregation, window, slot: slot!, perSlot: perSlot ?? null }))
  }).map((feature, index) => ({ ...feature, index, name: `${feature.aggregation.name}_${feature.window.name}`, group: feature.slot.group }))
  const newestSlot = drafts.newest && slotOf.get(drafts.newest)!
  const presenceGroup = (newestSlot ?? features.find(({ window }) => window === longestWindow)!).group
  return {
    view, source, columns, derived, features, slots, longestWindow,
    where: where && { expression: where, evaluate: compile(where) },
    keys: view.entity.map(({ key, column }) => ({ key, column, index: columns.get(column)!, type: scope.get(column)!.type })),
    inputs: inputs.map(compile),
    groups: groups.map((group) => ({ ...group, windows: windowsOf(group.index, features, group.index === presenceGroup ? longestWindow : null) })),
    presenceGroup,
    newestSlot,
    inputValues: [],
    layoutId: layoutIdOf(view, source, where, groups),
  }
}

function read(text: string, scope: Scope, type: ValueType | undefined): Expression {
  const checked = checkExpression(text, scope, type)
  if (!checked.ok) throw new TidemarkError(checked.problems)
  return checked.expression
}
