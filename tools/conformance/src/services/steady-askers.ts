// Askers in a thread of their own, each on connections that it keeps, each asking again as soon as it is answered: as much as serving layers take. What they wait
// for says nothing of how long whoever asks on the main thread waits.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

export interface Asking {
  /** Askers are spread over them. */
  readonly urls: readonly string[]
  readonly askerCount: number
  /** JSON, sent in turn. */
  readonly bodies: readonly string[]
}

export interface Asked {
  readonly answeredCount: number
  /** What others came to: a status and its text, or how the connection failed. */
  readonly failures: readonly string[]
}

/** Asks while the work goes on, which begins once there were answers, and may say whom to ask from then on. */
export async function whileAsking(asking: Asking, work: (setUrls: (urls: readonly string[]) => void) => Promise<void>): Promise<Asked> {
  const worker = new Worker(new URL('./steady-askers-thread.ts', import.meta.url), { workerData: asking })
  try {
    await once(worker, 'message')
    const asked = once(worker, 'message') as Promise<[Asked]>
    await Promise.all([asked, work((urls) => worker.postMessage(urls)).finally(() => worker.postMessage(null))])
    return (await asked)[0]
  } finally {
    await worker.terminate()
  }
}
