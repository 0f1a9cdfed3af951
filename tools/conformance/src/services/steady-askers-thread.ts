// The thread of steady-askers.ts. Told of other addresses, askers go to those once they are told that their connection ends, as a proxy does that keeps its
// connections; told null they end.

import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { parentPort, workerData } from 'node:worker_threads'
import type { Asked, Asking } from './steady-askers.ts'

const { askerCount, bodies } = workerData as Asking
const failures: string[] = []
let urls: readonly string[] | null = (workerData as Asking).urls
let [askedCount, answeredCount] = [0, 0]
parentPort!.on('message', (told: readonly string[] | null) => {
  urls = told
})
await Promise.all(Array.from({ length: askerCount }, askOn))
parentPort!.postMessage({ answeredCount, failures } satisfies Asked)
parentPort!.close()

async function askOn(): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  let url: string | null = null
  while (urls !== null) {
    url ??= urls[askedCount % urls.length]!
    askedCount++
    try {
      const isKept = await ask(url, bodies[askedCount % bodies.length]!, agent)
      if (!isKept) url = null
      answeredCount++
      if (answeredCount === askerCount) parentPort!.postMessage('asking')
    } catch (error) {
      url = null
      // Where nobody listens, no question was sent: it goes to another.
      if ((error as NodeJS.ErrnoException).syscall !== 'connect') failures.push(String(error))
    }
  }
  agent.destroy()
}

/** Whether its connection is kept. Throws where there is no whole answer. */
async function ask(url: string, body: string, agent: Agent): Promise<boolean> {
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const asked = request(`${url}/v1/features`, { method: 'POST', agent, headers })
  asked.end(body)
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  if (response.statusCode !== 200) throw new Error(`${response.statusCode}: ${await text(response)}`)
  await once(response.resume(), 'end')
  return response.headers.connection !== 'close'
}
