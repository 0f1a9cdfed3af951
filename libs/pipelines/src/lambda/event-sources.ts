// The sources of events that views read, and the topics that each has.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { EventLog } from '@tidemark/ports/event-log'
import { deadLetterTopicOf, topicOf } from '../names.ts'

export interface EventSource {
  readonly source: SourceDefinition
  /** Of the views that read it. */
  readonly plans: readonly ViewPlan[]
}

export function eventSourcesOf(plans: readonly ViewPlan[]): EventSource[] {
  const bySource = Map.groupBy(plans.filter(({ source }) => source.kind === 'event'), ({ source }) => source.name)
  return Array.from(bySource.values(), (ofSource) => ({ source: ofSource[0]!.source, plans: ofSource }))
}

/** Makes the topics that a source lacks. `partitionCount`: at least so many for its events. Throws what `ensureTopic` throws. */
export async function ensureTopics(log: EventLog, source: SourceDefinition, partitionCount: number): Promise<void> {
  await log.ensureTopic(topicOf(source), partitionCount)
  await log.ensureTopic(deadLetterTopicOf(source), 1)
}
