// The consumer groups of a source: whose position says what.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'

type Source = Pick<SourceDefinition, 'name'>

/** Processors of the speed layer; the position is a hint, for lag. */
export function speedGroupOf({ name }: Source): string {
  return `${name}.speed`
}

/** Through where a source's topic was searched for dead letters: what is before it was emitted. */
export function deadLetterGroupOf({ name }: Source): string {
  return `${name}.dead-letters`
}

/** Through where the topic that a source is relayed from was appended to its own. */
export function relayGroupOf({ name }: Source): string {
  return `${name}.relay`
}

/** Through where the dead letters themselves were put back. */
export function deadLetterReplayGroupOf({ name }: Source): string {
  return `${name}.dead-letter-replay`
}
