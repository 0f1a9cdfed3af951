// An open loop: requests are sent when they are due, however long earlier ones take, and each answer's time counts from when its request was
// due. So a server that stalls is charged for everybody who would have come meanwhile.

import { Worker } from 'node:worker_threads'

export interface OpenLoop {
  readonly url: string
  readonly ratePerSecond: number
  readonly seconds: number
  /** JSON, sent in turn. */
  readonly bodies: readonly string[]
}

export interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Asks from a thread of its own. Throws where a request was not answered well. */
export async function measureLatency(loop: OpenLoop): Promise<Latency> {
  const worker = new Worker(new URL('./open-loop-worker.ts', import.meta.url), { workerData: loop })
  const latenciesMs = await new Promise<Float64Array>((resolve, reject) => worker.once('message', resolve).once('error', reject))
  await worker.terminate()
  const sorted = latenciesMs.toSorted()
  const percentile = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
  return { p50Ms: percentile(0.5), p99Ms: percentile(0.99) }
}
