// Reads an engine's answer entity by entity: the entities' stream and the measures' streams side by side, all in the order of the
// entities, so that what is held at a time is one entity's panes and a batch of each stream.
import type { LoosePane } from '@tidemark/aggregation/batch-blob'
import { identityPartial } from '@tidemark/aggregation/slot-partials'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { encodeEntityKey, type KeyType } from '@tidemark/feature-schema/entity-key'
import type { PaneResult } from '@tidemark/ports/batch-engine'
import { ColumnCursor } from '../column-cursor.ts'
import { PartialStream, type GroupPartials, type MeasuredSlots } from '../partial-stream.ts'

export interface EntityPanes {
  /** The entity's key bytes. */
  readonly entity: Uint8Array
  readonly logTimeMs: number
  readonly eventCount: number
  readonly panes: readonly LoosePane[]
}

/** Yields every entity of the answer. `asked` says by ladder what was measured. */
export async function* loadPanes(plan: ViewPlan, result: PaneResult, asked: readonly MeasuredSlots[]): AsyncGenerator<EntityPanes> {
  const entities = new ColumnCursor(result.entities)
  const streams = result.streams.map((stream) => new PartialStream(stream, asked[stream.ladder]!, 'entity'))
  const keyNames = plan.keys.map((_, i) => `key_${i}`)
  const keyTypes = plan.keys.map(({ type }) => type as KeyType)
  try {
    for (; !entities.isBehind || (await entities.load()); entities.index++) {
      const panes = new PaneMap()
      const entity = entities.value('entity') as number
      for (const stream of streams) {
        await stream.addRowsOf(entity, (at) => panes.partialsAt(stream.ladder, at.value('rung') as number, at.value('start') as number))
      }
      yield {
        entity: encodeEntityKey(keyNames.map((name) => entities.value(name)), keyTypes),
        logTimeMs: entities.value('logTimeMs') as number,
        eventCount: entities.value('eventCount') as number,
        panes: panes.toPanes(plan),
      }
    }
  } finally {
    await Promise.all([entities.close(), ...streams.map((stream) => stream.close())])
  }
}

/** The panes of one entity while its rows come in: by group, rung and start. */
class PaneMap {
  private readonly groups: Map<number, GroupPartials>[][] = []

  partialsAt(group: number, rung: number, startMs: number): GroupPartials {
    const rungs = (this.groups[group] ??= [])
    const panes = (rungs[rung] ??= new Map())
    let partials = panes.get(startMs)
    if (partials === undefined) panes.set(startMs, (partials = []))
    return partials
  }

  toPanes(plan: ViewPlan): LoosePane[] {
    return plan.groups.flatMap(({ index: group, slots, rungs }) =>
      rungs.flatMap(({ lengthMs }, rung) =>
        [...(this.groups[group]?.[rung] ?? [])].flatMap(([startMs, partials]): LoosePane[] => {
          // Elsewhere than in the presence group, a pane is what a slot counted.
          if (group !== plan.presenceGroup && !slots.some((_, i) => partials[i] !== undefined)) return []
          return [{ group, rung, startMs: lengthMs === null ? -Infinity : startMs, partials: slots.map((slot, i) => partials[i] ?? identityPartial(slot)) }]
        }),
      ),
    )
  }
}
