// A store whose writer can be held up right before a write, as a processor is that stops for a while.

import type { WorldPorts } from './ingest-world.ts'

export interface Pause {
  readonly between: (ports: WorldPorts) => WorldPorts
  /** Holds up the n-th write from here on. */
  beforeWrite(n: number): void
  reached(): Promise<void>
  goOn(): void
}

export function pausable(): Pause {
  let left = 0
  let arrived = Promise.withResolvers<undefined>()
  let released = Promise.withResolvers<undefined>()
  return {
    between: (ports) => ({
      ...ports,
      store: overriding(ports.store, {
        async write(bucket, write) {
          if (left > 0 && --left === 0) {
            arrived.resolve(undefined)
            await released.promise
          }
          return ports.store.write(bucket, write)
        },
      }),
    }),
    beforeWrite(n) {
      left = n
      arrived = Promise.withResolvers()
      released = Promise.withResolvers()
    },
    reached: () => arrived.promise,
    goOn: () => released.resolve(undefined),
  }
}

/** A port with some of its methods replaced. */
export function overriding<Port extends object>(port: Port, methods: Partial<Port>): Port {
  return new Proxy(port, {
    get(target, name) {
      const found = Reflect.get(methods, name) ?? Reflect.get(target, name)
      return typeof found === 'function' ? found.bind(name in methods ? methods : target) : found
    },
  })
}
