// What somebody has to look at: a part of a pipeline stands still, or the log broke a promise. Raised once for each occasion, not for
// each attempt; where it goes is for whoever composes the pipeline to say.

import type { ErrorCode } from '@tidemark/feature-schema/errors'

export interface Alarm {
  readonly code: ErrorCode
  /** What is wrong and what to do, in a sentence or two. */
  readonly message: string
  /** `source flights, partition 3, offset 17` */
  readonly where: string
}

export type OnAlarm = (alarm: Alarm) => void
