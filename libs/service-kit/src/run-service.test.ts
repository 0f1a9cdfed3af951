// How a service's work ends: with what fails in it, also once it was told to end.
import { expect, it } from '@jest/globals'
import { Metrics } from '@tidemark/observability/metrics'
import { NO_TRACES } from '@tidemark/observability/tracing'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { Readiness } from './readiness.ts'
import { superviseService, type ComposedService, type Service } from './run-service.ts'
import { createServiceLog } from './service-log.ts'

/** Runs what is composed, and tells it to end. */
async function endedOf(compose: (signal: AbortSignal) => Promise<ComposedService>): Promise<void> {
  const ending = new AbortController()
  const metrics = new Metrics()
  const service = { name: 'small', settings: {}, compose: () => compose(ending.signal) } as unknown as Service<never>
  const running = superviseService(service, {} as never, {
    adminUrl: '', log: createServiceLog({ service: 'small', level: 'fatal', metrics }), metrics, tracer: NO_TRACES, readiness: new Readiness(() => 0),
    signal: ending.signal, patience: new AbortController().signal, clock: createSteppedClock(0),
  })
  await new Promise(setImmediate)
  ending.abort(new Error('told to end'))
  await running
}

const untilTold = (signal: AbortSignal): Promise<void> => new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve())))
const composed = (loop: ComposedService['loops'][number], dispose = async (): Promise<void> => undefined): ComposedService => ({ loops: [loop], [Symbol.asyncDispose]: dispose })

it('well, where all is drained, or where it was still waiting', async () => {
  const done: string[] = []
  await endedOf(async () => composed(async (signal) => {
    await untilTold(signal)
    await new Promise(setImmediate)
    done.push('drained')
  }, async () => void done.push('closed')))
  expect(done).toEqual(['drained', 'closed'])
  await endedOf(async (signal) => {
    await untilTold(signal)
    throw signal.reason
  })
})

it('with what goes wrong while it drains, or is closed', async () => {
  const bug = new Error('a bug')
  await expect(endedOf(async () => composed(async (signal) => {
    await untilTold(signal)
    throw bug
  }))).rejects.toBe(bug)
  await expect(endedOf(async () => composed(untilTold, () => Promise.reject(bug)))).rejects.toBe(bug)
})
