// The names that layers agree on: of views, topics and registers.

import type { FeatureViewDefinition, SourceDefinition } from '@tidemark/feature-schema/definition'
import { externalTopic } from '@tidemark/ports/event-log'

/** `airport_delays@1`: what stores know a view version by. */
export function viewId({ name, version }: Pick<FeatureViewDefinition, 'name' | 'version'>): string {
  return `${name}@${version}`
}

/** The topic that a source's events are read from. */
export function topicOf({ name }: Pick<SourceDefinition, 'name'>): string {
  return name
}

/** The topic of others that a source's records are relayed from; null: they are appended to its own. */
export function relayedTopicOf({ relayFrom }: Pick<SourceDefinition, 'relayFrom'>): string | null {
  return relayFrom === undefined ? null : externalTopic(relayFrom)
}

/** The topic of a source's records that could not be decoded, or do not fit a view. */
export function deadLetterTopicOf({ name }: Pick<SourceDefinition, 'name'>): string {
  return `${name}.dead-letters`
}
