import { clockContract } from './clock.contract.ts'

clockContract('the system', () =>
  Promise.resolve({ clock: { nowMs: Date.now }, [Symbol.asyncDispose]: () => Promise.resolve() }),
)
