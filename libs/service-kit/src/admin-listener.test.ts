// What the admin listener answers.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { HttpListener } from '@tidemark/machine/http-listener'
import { observeProcess } from '@tidemark/machine/process-figures'
import { Metrics } from '@tidemark/observability/metrics'
import { openAdminListener } from './admin-listener.ts'
import { Readiness } from './readiness.ts'

const readiness = new Readiness(() => 0)
const metrics = new Metrics()
let admin: HttpListener
let observed: Disposable
beforeAll(async () => {
  observed = observeProcess(metrics)
  admin = await openAdminListener({ host: '127.0.0.1', port: 0 }, { service: 'small', readiness, metrics })
})
afterAll(async () => {
  observed[Symbol.dispose]()
  await admin[Symbol.asyncDispose]()
})

const ask = (path: string, method = 'GET'): Promise<Response> => fetch(`${admin.url}${path}`, { method })

describe('the admin listener', () => {
  it('lives, whatever it waits for', async () => {
    expect(await (await ask('/livez')).json()).toEqual({ status: 'alive' })
  })

  it('says 503 with what it waits for until it is ready', async () => {
    readiness.waits('log', { code: 'STORE_UNAVAILABLE', message: 'It is away.' })
    const waiting = await ask('/readyz')
    expect([waiting.status, await waiting.json()]).toEqual([503, { status: 'waiting', waitsFor: [{ name: 'log', code: 'STORE_UNAVAILABLE', message: 'It is away.', forMs: 0 }] }])
    readiness.answers('log')
    readiness.started()
    const ready = await ask('/readyz')
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready', waitsFor: [] }])
  })

  it('says 200 of what answers without a server that is away', async () => {
    readiness.answersWithout = true
    readiness.waits('log', { code: 'STORE_UNAVAILABLE', message: 'It is away.' })
    const degraded = await ask('/readyz')
    expect([degraded.status, await degraded.json()]).toMatchObject([200, { status: 'degraded', waitsFor: [{ name: 'log' }] }])
    readiness.answers('log')
  })

  it('tells its metrics as Prometheus reads them', async () => {
    metrics.counter('tidemark_alarms_total', { code: 'SEAM_BROKEN' }).value = 3
    const latency = metrics.histogram('tidemark_server_call_seconds', { server: 'log', call: 'fetch' })
    for (const seconds of [0.000_4, 0.003, 99]) latency.record(seconds)
    const answer = await ask('/metrics')
    const page = await answer.text()
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    expect(page).toContain('# TYPE tidemark_alarms_total counter\ntidemark_alarms_total{service="small",code="SEAM_BROKEN"} 3\n')
    expect(page).toContain('tidemark_server_call_seconds_bucket{service="small",server="log",call="fetch",le="0.0005"} 1\n')
    expect(page).toContain('tidemark_server_call_seconds_bucket{service="small",server="log",call="fetch",le="0.005"} 2\n')
    expect(page).toContain('tidemark_server_call_seconds_bucket{service="small",server="log",call="fetch",le="+Inf"} 3\n')
    expect(page).toContain('tidemark_server_call_seconds_count{service="small",server="log",call="fetch"} 3\n')
    expect(page).toMatch(/\ntidemark_process_resident_memory_bytes\{service="small"\} \d{7,}\n/)
  })

  it('refuses what it does not know', async () => {
    expect((await ask('/nothing')).status).toBe(404)
    expect((await ask('/readyz', 'POST')).status).toBe(405)
    expect(await (await ask('/readyz', 'HEAD')).text()).toBe('')
  })
})
