// What the four layers tell at /metrics while they work: every metric of the list but those of trouble, and numbers that agree with what happened.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { METRICS, type MetricName } from '@tidemark/observability/metric-catalog'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import { LAYER_NAMES, type ServiceProcess } from '@tidemark/servers/service-process'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { ServiceWorld, until } from './service-world.ts'

const TEST_MAX_MS = 300_000
/** What nothing is told of while all goes well, or only where it is asked for. */
const OF_TROUBLE: ReadonlySet<MetricName> = new Set([
  'tidemark_server_away', 'tidemark_alarms_total', 'tidemark_server_call_errors_total', 'tidemark_speed_stopped_partitions', 'tidemark_serving_degraded_total',
  'tidemark_relay_lag_records', 'tidemark_serving_events_total', 'tidemark_serving_refused_total', 'tidemark_spans_total',
])

let world: ServiceWorld
let services: ServiceProcess[]
beforeAll(async () => {
  world = await ServiceWorld.open(await sharedServers('kafka', 'cassandra', 's3', 'redis', 'redis-jobs'), seededChance(1))
  services = await world.startReady(...LAYER_NAMES)
}, TEST_MAX_MS)
afterAll(() => world[Symbol.asyncDispose](), TEST_MAX_MS)

async function ask(service: ServiceProcess, path: string): Promise<Response> {
  const { admin } = await service.until('that it starts', ({ msg }) => msg === 'starts')
  return fetch(`${String(admin)}${path}`)
}

/** The sum of a metric's series that have these labels. */
async function sumOf(service: ServiceProcess, name: string, labels = ''): Promise<number> {
  const page = await (await ask(service, '/metrics')).text()
  return page.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(labels)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

describe('the metrics of the services', () => {
  it('tell what happened', async () => {
    const [archiver, speed, batch, serving] = services as [ServiceProcess, ServiceProcess, ServiceProcess, ServiceProcess]
    const { url } = await serving.untilReady()
    await world.whileStreaming(() => until('two generations', async () => {
      const generation = await world.generation(url!)
      return generation >= 2 ? null : `generation ${generation}`
    }))
    await world.untilWhole(url!, 2)
    const { recordCount } = world
    expect(await sumOf(speed, 'tidemark_speed_events_total')).toBe(recordCount)
    expect(await sumOf(speed, 'tidemark_freshness_seconds_count')).toBe(recordCount)
    await until('all of it is archived', async () => (await sumOf(archiver, 'tidemark_archive_records_total') === recordCount ? null : 'not yet'))
    expect(await sumOf(speed, 'tidemark_speed_lag_records')).toBe(0)
    expect(await sumOf(batch, 'tidemark_batch_runs_total', 'result="published"')).toBeGreaterThanOrEqual(4)
    expect(await sumOf(batch, 'tidemark_batch_generation')).toBeGreaterThanOrEqual(4)
    expect(await sumOf(serving, 'tidemark_serving_requests_total')).toBe(await sumOf(serving, 'tidemark_serving_request_seconds_count'))
    expect(await sumOf(serving, 'tidemark_serving_values_total', 'status="PRESENT"')).toBeGreaterThan(0)
  }, TEST_MAX_MS)

  it('are those of the list', async () => {
    const pages = await Promise.all(services.map(async (service) => (await ask(service, '/metrics')).text()))
    const told = new Set(pages.flatMap((page) => [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => `${name} ${kind}`)))
    const listed = Object.entries(METRICS).map(([name, { kind }]) => `${name} ${kind}`)
    expect([...told].filter((one) => !listed.includes(one))).toEqual([])
    expect(listed.filter((one) => !told.has(one) && !OF_TROUBLE.has(one.split(' ')[0] as MetricName))).toEqual([])
  }, TEST_MAX_MS)

  it('come beside readiness', async () => {
    for (const service of services) {
      const ready = await ask(service, '/readyz')
      expect([service.name, ready.status, await ready.json()]).toEqual([service.name, 200, { status: 'ready', waitsFor: [] }])
    }
  }, TEST_MAX_MS)
})
