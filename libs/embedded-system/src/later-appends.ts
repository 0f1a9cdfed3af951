// An archiver that is given a simulated time stands at it, or nearly so, for as long as a step takes. What is appended meanwhile, under a clock that
// leaps, may be later than the step by more than the declared skew: it stops there, and the next step, which has a time of its own, goes on.

import type { OnAlarm } from '@tidemark/pipelines/alarm'

/** Hears everything else of such an archiver. */
export function exceptLaterAppends(onAlarm: OnAlarm): OnAlarm {
  return (alarm) => {
    if (alarm.code !== 'APPEND_TIME_AHEAD') onAlarm(alarm)
  }
}
