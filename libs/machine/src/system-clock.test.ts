import { clockContract } from '@tidemark/ports/clock.contract'
import { waitingClockContract } from '@tidemark/ports/waiting-clock.contract'
import { createSystemClock } from './system-clock.ts'

clockContract('the system', () => Promise.resolve({ clock: createSystemClock(), [Symbol.asyncDispose]: () => Promise.resolve() }))

waitingClockContract('the system', () =>
  Promise.resolve({ clock: createSystemClock(), pass: () => Promise.resolve(), [Symbol.asyncDispose]: () => Promise.resolve() }),
)
