// The thread of an open loop: it looks at the clock all the time, so that no timer's grain is in what it measures.

import { Agent, request } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { OpenLoop } from './open-loop.ts'

const CONNECTIONS_MAX = 64

const { url, ratePerSecond, seconds, bodies } = workerData as OpenLoop
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX })
const latenciesMs = new Float64Array(ratePerSecond * seconds)
const answers: Promise<void>[] = []
const startedAtMs = performance.now()
while (answers.length < latenciesMs.length) {
  for (; answers.length < latenciesMs.length; ) {
    const dueAtMs = startedAtMs + (answers.length * 1_000) / ratePerSecond
    if (dueAtMs > performance.now()) break
    answers.push(ask(answers.length, dueAtMs))
  }
  await nextTurn()
}
await Promise.all(answers)
agent.destroy()
parentPort!.postMessage(latenciesMs)

function ask(i: number, dueAtMs: number): Promise<void> {
  const body = bodies[i % bodies.length]!
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const asked = request(`${url}/v1/features`, { method: 'POST', agent, headers }, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`It answered with status ${response.statusCode}.`))
      response.on('error', reject).resume().on('end', () => {
        latenciesMs[i] = performance.now() - dueAtMs
        resolve()
      })
    })
    asked.on('error', reject).end(body)
  })
}
