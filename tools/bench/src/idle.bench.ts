// What the layers cost while nothing happens: the four as processes, each from the folder that its image holds and as that starts it, on real servers, with definitions that are
// applied and no events. How soon each is ready once its servers answer, the memory that is resident, and its share of one core.

import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { dropKeyspace } from '@tidemark/adapter-cassandra/testing/drop-keyspace'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { imageEnvironment } from '@tidemark/images/image-start'
import { applyToServers } from '@tidemark/service-kit/testing/apply-to-servers'
import { environmentOf } from '@tidemark/servers/addresses'
import { DEFAULT_NAMES } from '@tidemark/servers/names'
import { usageOf } from '@tidemark/servers/process-identity'
import { startServers } from '@tidemark/servers/server-set'
import { LAYER_NAMES, ServiceProcess, type LayerName } from '@tidemark/servers/service-process'
import type { Benchmark, BenchmarkOutcome, Figure } from './benchmark.ts'
import { cardSpending } from './card-stream.ts'
import { figureOf, judge } from './measure.ts'

const START_COUNT = Number(process.env.RUNS ?? 5)
const SPAN_COUNT = 6
const SPAN_MS = Number(process.env.SECONDS ?? 10) * 1_000
/** What is loaded and opened at first is not idleness. */
const SETTLE_MS = 10_000
const LOOK_AGAIN_MS = 20
const READY_MAX_S = 3
const RESIDENT_MAX_MIB = 150
const CPU_SHARE_MAX = 0.01
const IMAGES = join(import.meta.dirname, '../../images/src/main.ts')
const SERVERS = ['kafka', 'cassandra', 's3', 'redis', 'redis-jobs'] as const

export const benchmark: Benchmark = {
  question: 'What does each layer cost while nothing happens, and how soon is it ready?',
  run,
}

async function run(): Promise<BenchmarkOutcome> {
  await using opened = new AsyncDisposableStack()
  const servers = opened.use(await startServers({ names: SERVERS }))
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'))
  opened.defer(() => rm(folder, { recursive: true, force: true }))
  execFileSync(process.execPath, [IMAGES, 'all', '--out', join(folder, 'images')], { stdio: 'pipe' })
  const namespace = `t${randomUUID().replaceAll('-', '')}`
  const { contactPoints, dataCenter, username, password } = servers.addresses.cassandra
  opened.defer(() => dropKeyspace({ contactPoints, dataCenter, keyspace: namespace, credentials: { username, password } }))
  const env = { ...environmentOf(servers.addresses, DEFAULT_NAMES), TIDEMARK_NAMESPACE: namespace, TIDEMARK_WORK_FOLDER: join(folder, 'work'), TIDEMARK_ADMIN_PORT: '0', TIDEMARK_HTTP_PORT: '0' }
  await applyToServers(env, collectDefinitions([cardSpending]))
  const readySeconds = new Map<LayerName, number[]>(LAYER_NAMES.map((layer) => [layer, []]))
  for (let turn = 0; turn <= START_COUNT; turn++) {
    for (const layer of LAYER_NAMES) {
      const [service, seconds] = await startReady(layer, folder, env)
      await service.stop()
      // The first time topics and tables are made.
      if (turn > 0) readySeconds.get(layer)!.push(seconds)
    }
  }
  const services: ServiceProcess[] = []
  for (const layer of LAYER_NAMES) services.push(opened.use((await startReady(layer, folder, env))[0]))
  await sleep(SETTLE_MS)
  const spans = await Promise.all(services.map(spansOf))
  return {
    input: `one view, no events; from the start of a process until /readyz says 200; ${SPAN_COUNT} spans of ${SPAN_MS / 1_000} s, ${SETTLE_MS / 1_000} s after all were ready, all four and their servers at once`,
    figures: LAYER_NAMES.flatMap((layer, i) => figuresOf(layer, readySeconds.get(layer)!, spans[i]!)),
  }
}

interface Span {
  readonly cpuShare: number
  readonly residentMiB: number
}

function figuresOf(layer: LayerName, readySeconds: readonly number[], spans: readonly Span[]): Figure[] {
  return [
    judge(figureOf(`${layer}: ready after`, 's', readySeconds), `at most ${READY_MAX_S} s`, ({ value }) => value <= READY_MAX_S),
    judge(figureOf(`${layer}: resident`, 'MiB', spans.map(({ residentMiB }) => residentMiB)), `under ${RESIDENT_MAX_MIB} MiB`, ({ value }) => value < RESIDENT_MAX_MIB),
    judge(figureOf(`${layer}: share of a core`, '', spans.map(({ cpuShare }) => cpuShare)), `under ${CPU_SHARE_MAX}`, ({ value }) => value < CPU_SHARE_MAX),
  ]
}

async function startReady(layer: LayerName, folder: string, env: Readonly<Record<string, string>>): Promise<[ServiceProcess, number]> {
  const fromMs = performance.now()
  const service = await ServiceProcess.start({ name: layer, main: join(folder, 'images', layer, 'main.js'), env: { ...env, ...imageEnvironment(), TIDEMARK_MEMBER: layer } })
  const { admin } = await service.until('that it starts', ({ msg }) => msg === 'starts')
  while ((await fetch(`${String(admin)}/readyz`)).status !== 200) await sleep(LOOK_AGAIN_MS)
  return [service, (performance.now() - fromMs) / 1_000]
}

async function spansOf({ name, identity }: ServiceProcess): Promise<Span[]> {
  const spans: Span[] = []
  for (let i = 0; i < SPAN_COUNT; i++) {
    const [before, fromMs] = [usageOf(identity), performance.now()]
    await sleep(SPAN_MS)
    const after = usageOf(identity)
    if (before === undefined || after === undefined) throw new Error(`${name} has ended.`)
    spans.push({ cpuShare: (after.cpuMs - before.cpuMs) / (performance.now() - fromMs), residentMiB: after.residentBytes / 2 ** 20 })
  }
  return spans
}
