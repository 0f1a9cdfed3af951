// What tells one state of a stored value from every other one: a fresh random number, never a counter, because a counter repeats after
// a fail-over that lost acknowledged writes.

declare const revision: unique symbol

/** An integer from 0 to 2^53 - 1. */
export type Revision = number & { readonly [revision]: true }

/** Makes revisions; injected, so that a simulation replays. */
export type NewRevision = () => Revision
