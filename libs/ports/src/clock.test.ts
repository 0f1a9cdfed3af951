import { clockContract } from './clock.contract.ts'

clockContract('the system', () =>
  Promise.resolve({ clock: { nowMs: Date.now, steadyMs: () => Math.floor(performance.now()) }, [Symbol.asyncDispose]: () => Promise.resolve() }),
)
