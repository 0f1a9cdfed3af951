// Rules and dashboards meet a system that works: what each asks for is on the pages of the four layers, or is named here with why it is only there after a fault;
// and no alert fires where all that these pages tell goes on like this.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { ServiceWorld, until } from '@tidemark/conformance/services/service-world'
import { METRICS } from '@tidemark/observability/metric-catalog'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import { findPromtool } from '@tidemark/servers/promtool'
import { LAYER_NAMES, type ServiceProcess } from '@tidemark/servers/service-process'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { stringify } from 'yaml'
import { ALERTS_FILE, readAlertRules } from './alert-rules.ts'
import { generateDashboards } from './dashboards.ts'
import { isFoundBy, seriesOf, type LiveSeries } from './live-series.ts'
import { readQuery, type Selector } from './prom-query.ts'

const TEST_MAX_MS = 300_000
/** Between the two looks at the pages. */
const GENERATIONS_BETWEEN = 2
const LASTING_MINUTES = 60

/** Metrics, or what is left of one by its label, that nothing is told of while all goes well, or only where somebody asks for it: until what. */
const AFTER_A_FAULT: Readonly<Record<string, string>> = {
  ALERTS: "an alert fires; they are Prometheus' own",
  ALERTS_FOR_STATE: 'the same',
  'tidemark_batch_runs_total result!~': 'a run failed',
  'tidemark_serving_requests_total outcome!~': 'a question failed',
  tidemark_server_away: 'a server does not answer',
  tidemark_server_call_errors_total: 'a call failed',
  tidemark_alarms_total: 'an alarm was raised',
  tidemark_speed_stopped_partitions: 'a partition stands still',
  tidemark_serving_degraded_total: 'an answer was degraded',
  tidemark_serving_refused_total: 'somebody is not known, or may not',
  tidemark_relay_lag_records: 'a source is relayed',
  tidemark_serving_events_total: 'events come over HTTP',
  tidemark_spans_total: 'traces are sent',
}
/** They tell of a machine that is busy with other things as they tell of a system that is. */
const OF_THE_MACHINE: ReadonlySet<string> = new Set(['TidemarkFreshness', 'TidemarkPartitionLagging', 'TidemarkAnswersSlow', 'TidemarkEventLoopLate', 'TidemarkEventLoopBusy'])

interface Look {
  readonly atMs: number
  readonly series: readonly LiveSeries[]
}

let world: ServiceWorld
let looks: [Look, Look]

beforeAll(async () => {
  world = await ServiceWorld.open(await sharedServers('kafka', 'cassandra', 's3', 'redis', 'redis-cache', 'redis-jobs'), seededChance(1))
  const services = await world.startReady(...LAYER_NAMES)
  const { url } = await services[LAYER_NAMES.indexOf('serving-layer')]!.untilReady()
  const more = (generation: number): Promise<void> => until(`generation ${generation}`, async () => {
    await world.judge(url!)
    return (await world.generation(url!)) >= generation ? null : 'not yet'
  })
  await world.untilWhole(url!, 0)
  await world.whileStreaming(async () => {
    await more(1)
    const first = await look(services)
    await more((await world.generation(url!)) + GENERATIONS_BETWEEN)
    looks = [first, await look(services)]
  })
}, TEST_MAX_MS)
afterAll(() => world[Symbol.asyncDispose](), TEST_MAX_MS)

async function look(services: readonly ServiceProcess[]): Promise<Look> {
  const pages = await Promise.all(services.map(async (service, i) => {
    const { admin } = await service.until('that it starts', ({ msg }) => msg === 'starts')
    const page = await (await fetch(`${String(admin)}/metrics`)).text()
    return seriesOf(page, { namespace: 'tidemark', job: 'tidemark', instance: `10.0.0.${i}:9100` })
  }))
  return { atMs: performance.now(), series: pages.flat() }
}

/** What Grafana's own words stand for is there, whatever it is. */
const isChosen = ({ value }: Selector['matchers'][number]): boolean => value === 'x' || value === 'x|'

interface Asked {
  readonly where: string
  readonly expr: string
}

const rules: readonly Asked[] = readAlertRules().map(({ alert, expr }) => ({ where: alert, expr }))
const panels: readonly Asked[] = [...generateDashboards()].flatMap(([file, dashboard]) => {
  const all = (dashboard.panels ?? []) as unknown as readonly { readonly title?: string; readonly targets?: readonly { readonly expr: string }[] }[]
  return all.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ where: `${file}, ${title}`, expr })))
})

const excusesOf = ({ metric, matchers }: Selector): string[] => [metric, ...matchers.map(({ label, operator }) => `${metric} ${label}${operator}`)]

function notFound(asked: readonly Asked[]): string[] {
  const { series } = looks[1]
  return asked.flatMap(({ where, expr }) => readQuery(expr).selectors.flatMap((selector) => {
    const { metric, matchers } = selector
    const isThere = series.some((each) => each.name === metric && isFoundBy(matchers.filter((matcher) => !isChosen(matcher)), each))
    return isThere || excusesOf(selector).some((excuse) => excuse in AFTER_A_FAULT) ? [] : [`${where}: ${metric}{${matchers.map(({ label, operator, value }) => `${label}${operator}"${value}"`).join(',')}}`]
  }))
}

/** What promtool says where each alert but those of the machine is expected not to fire at the end. */
async function promtoolOn(series: readonly LastingSeries[]): Promise<string> {
  const promtool = await findPromtool()
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-live-'))
  try {
    const file = join(folder, 'live.test.yml')
    const alert_rule_test = rules.filter(({ where }) => !OF_THE_MACHINE.has(where)).map(({ where: alertname }) => ({ eval_time: `${LASTING_MINUTES}m`, alertname, exp_alerts: [] }))
    writeFileSync(file, stringify({ rule_files: [ALERTS_FILE], evaluation_interval: '1m', tests: [{ interval: '1m', input_series: series, alert_rule_test }] }, { lineWidth: 0 }))
    const { status, stdout, stderr } = spawnSync(promtool, ['test', 'rules', file], { encoding: 'utf8', maxBuffer: 2 ** 26 })
    return `${status}: ${stdout}${stderr}`
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe('of a system that works', () => {
  it('each alert finds what it asks for', () => {
    expect(notFound(rules)).toEqual([])
  })

  it('each panel finds what it asks for', () => {
    expect(panels.length).toBeGreaterThan(60)
    expect(notFound(panels)).toEqual([])
  })

  it('what is excused is asked for', () => {
    const asked = new Set([...rules, ...panels].flatMap(({ expr }) => readQuery(expr).selectors.flatMap(excusesOf)))
    expect(Object.keys(AFTER_A_FAULT).filter((excuse) => !asked.has(excuse))).toEqual([])
  })

  it('no alert fires', async () => {
    expect(await promtoolOn(goingOn(looks))).toMatch(/^0: [^]*SUCCESS/)
  }, TEST_MAX_MS)

  it('one would where a layer is not ready', async () => {
    const unready = goingOn(looks).map(({ series, values }) => ({ series, values: series.startsWith('tidemark_ready{') ? values.replaceAll('1.', '0.') : values }))
    expect(await promtoolOn(unready)).toMatch(/^1: [^]*TidemarkNotReady/)
  }, TEST_MAX_MS)
})

interface LastingSeries {
  readonly series: string
  /** Of each minute. */
  readonly values: string
}

/** What rises goes on to rise as it did between the two looks, and what does not stays as it was at the second. */
function goingOn([first, second]: readonly [Look, Look]): LastingSeries[] {
  const minutes = (second.atMs - first.atMs) / 60_000
  const before = new Map(first.series.map((one) => [textOf(one), one.value]))
  return second.series.map((one) => {
    const text = textOf(one)
    const slope = isRising(one.name) ? (one.value - (before.get(text) ?? 0)) / minutes : 0
    return { series: text, values: Array.from({ length: LASTING_MINUTES + 1 }, (_, minute) => (one.value + slope * minute).toFixed(6)).join(' ') }
  })
}

function textOf({ name, labels }: LiveSeries): string {
  return `${name}{${Object.entries(labels).map(([label, value]) => `${label}="${value}"`).join(',')}}`
}

function isRising(name: string): boolean {
  const metrics: Readonly<Record<string, { readonly kind: string }>> = METRICS
  return (metrics[name] ?? metrics[name.replace(/_(bucket|sum|count)$/, '')])?.kind !== 'gauge'
}
