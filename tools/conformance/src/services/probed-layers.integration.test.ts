// What a kubelet would do to layers at full load: nothing. Four layers catch up with a backlog while the largest questions are asked as fast as they are answered;
// each probe, on a connection of its own as a kubelet has it, is answered with 200, within the time that the manifests give it but for what a starved machine
// delays, and never so late that a kubelet would act. No layer has more memory than its manifest gives it.
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { podsOf, type Container, type Probe } from '@tidemark/kubernetes/pods'
import { readManifests, renderedPath } from '@tidemark/kubernetes/rendered'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import type { ServiceProcess } from '@tidemark/servers/service-process'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { ServiceWorld, until } from './service-world.ts'
import { whileAsking } from './steady-askers.ts'

const TEST_MAX_MS = 300_000
const BACKLOG_COUNT = 30_000
/** As many as one question may be about. */
const ENTITIES_PER_QUESTION = 1_000
const QUESTION_COUNT = 20
const ASKER_COUNT = 32
const PROBED_AT_LEAST_MS = 8_000
const PROBE_MAX_MS = 30_000
/** A kubelet asks less often. */
const PROBE_PAUSE_MS = 100
/** Of those that are later than they should be: of a machine that is starved. */
const LATE_SHARE_MAX = 0.02
/** Of a second, for it to be full load. */
const BUSY_SHARE_MIN = 0.5

const pods = podsOf(readManifests(readFileSync(renderedPath('production'), 'utf8')))

type KubeletProbe = Required<Probe>

interface Probed {
  readonly tookMs: number
  /** null: there is none, even after a while. */
  readonly status: number | null
}

interface ProbedLayer {
  readonly what: string
  readonly probe: KubeletProbe
  readonly probed: readonly Probed[]
}

let world: ServiceWorld
beforeAll(async () => {
  world = await ServiceWorld.open(await sharedServers('kafka', 'cassandra', 's3', 'redis', 'redis-jobs'), seededChance(1))
}, TEST_MAX_MS)
afterAll(() => world[Symbol.asyncDispose](), TEST_MAX_MS)

describe('layers at full load', () => {
  it('answer each probe in the time that its manifest gives it', async () => {
    const [serving, archiver] = await world.startReady('serving-layer', 'archiver') as [ServiceProcess, ServiceProcess]
    const { url } = await serving.untilReady()
    await world.appendEntities(BACKLOG_COUNT)
    const [speed, batch] = await world.startReady('speed-layer', 'batch-layer') as [ServiceProcess, ServiceProcess]
    const services = [archiver, speed, batch, serving]
    // What this process itself is late with, on a busy machine, is no layer's fault.
    using late = monitorEventLoopDelay()
    late.enable()
    const fromMs = performance.now()
    const busyBefore = await sumOf(serving, 'tidemark_event_loop_busy_seconds_total')
    let layers: readonly ProbedLayer[] = []
    let busyShare = 0
    const { answeredCount, failures } = await whileAsking({ urls: [url!], askerCount: ASKER_COUNT, bodies: questions() }, async () => {
      const ending = new AbortController()
      const probing = Promise.all(services.flatMap((service) => probesOf(service.name).map((probe) => probeOn(service, probe, ending.signal))))
      await sleep(PROBED_AT_LEAST_MS)
      await until('that all of it is folded, archived and in a generation', async () => {
        const lag = await sumOf(speed, 'tidemark_speed_lag_records') + await sumOf(archiver, 'tidemark_archive_lag_records')
        return lag === 0 && await sumOf(batch, 'tidemark_batch_generation') > 0 ? null : `${lag} records`
      }).finally(() => ending.abort())
      busyShare = (await sumOf(serving, 'tidemark_event_loop_busy_seconds_total') - busyBefore) / ((performance.now() - fromMs) / 1_000)
      layers = await probing
    })
    expect(failures).toEqual([])
    expect(answeredCount).toBeGreaterThan(ASKER_COUNT)
    expect(busyShare).toBeGreaterThan(BUSY_SHARE_MIN)
    for (const { what, probe: { timeoutSeconds, periodSeconds, failureThreshold }, probed } of layers) {
      const inTimeMs = 1_000 * timeoutSeconds + late.max / 1e6
      const actsAfterMs = inTimeMs + 1_000 * periodSeconds * (failureThreshold - 1)
      expect([what, probed.filter(({ status, tookMs }) => status !== 200 || tookMs >= actsAfterMs)]).toEqual([what, []])
      const lateOnes = probed.filter(({ tookMs }) => tookMs > inTimeMs)
      expect([what, lateOnes, lateOnes.length / probed.length <= LATE_SHARE_MAX]).toEqual([what, lateOnes, true])
    }
    for (const service of services) {
      const [, count, unit] = /^(\d+)(Mi|Gi)$/.exec(containerOf(service.name).resources.limits.memory)!
      const limitBytes = Number(count) * 2 ** (unit === 'Mi' ? 20 : 30)
      expect([service.name, await sumOf(service, 'tidemark_process_resident_memory_bytes') < limitBytes]).toEqual([service.name, true])
    }
  }, TEST_MAX_MS)
})

function containerOf(layer: string): Container {
  return pods.find(({ name }) => name === layer)!.spec.containers[0]!
}

function probesOf(layer: string): KubeletProbe[] {
  const { livenessProbe, readinessProbe } = containerOf(layer)
  return [livenessProbe, readinessProbe] as KubeletProbe[]
}

/** Again and again, until the signal. */
async function probeOn(service: ServiceProcess, asked: KubeletProbe, signal: AbortSignal): Promise<ProbedLayer> {
  const { admin } = await service.until('that it starts', ({ msg }) => msg === 'starts')
  const { path } = asked.httpGet
  const probed: Probed[] = []
  while (!signal.aborted) {
    const fromMs = performance.now()
    const status = await probe(`${String(admin)}${path}`)
    probed.push({ tookMs: performance.now() - fromMs, status })
    await sleep(PROBE_PAUSE_MS)
  }
  return { what: `${service.name} ${path}`, probe: asked, probed }
}

function probe(url: string): Promise<number | null> {
  return new Promise((resolve) => {
    const asked = get(url, { agent: false, signal: AbortSignal.timeout(PROBE_MAX_MS) }, (response) => response.resume().on('end', () => resolve(response.statusCode!)).on('error', () => resolve(null)))
    asked.on('error', () => resolve(null))
  })
}

async function sumOf(service: ServiceProcess, name: string): Promise<number> {
  const { admin } = await service.until('that it starts', ({ msg }) => msg === 'starts')
  const page = await (await fetch(`${String(admin)}/metrics`)).text()
  return page.split('\n').filter((line) => line.startsWith(`${name}{`)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

/** About entities of the backlog. */
function questions(): string[] {
  return Array.from({ length: QUESTION_COUNT }, (_, question) => JSON.stringify({
    features: ['cards:payments_1m', 'cards:payments_lifetime', 'cards:spent_1h', 'cards:spent_lifetime'],
    entities: Array.from({ length: ENTITIES_PER_QUESTION }, (_, i) => ({ card: `other-${question * ENTITIES_PER_QUESTION + i}` })), deadlineMs: 10_000,
  }))
}
