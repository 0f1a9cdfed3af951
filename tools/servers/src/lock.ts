// Mutual exclusion between processes of one machine: whoever listens on an abstract socket of Linux holds the lock. The kernel takes
// it back when the process ends, however it ends, so there is no stale lock; whoever waits is connected to the holder and is woken.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** Holds the lock called `name` until disposed; `onWait` is called once if another holds it. */
export async function acquireLock(name: string, options: { onWait?: () => void; signal?: AbortSignal } = {}): Promise<AsyncDisposable> {
  const path = `\0tidemark-${createHash('sha256').update(name).digest('hex')}`
  for (let tryCount = 0; ; tryCount++) {
    options.signal?.throwIfAborted()
    const held = await tryHold(path)
    if (held !== undefined) return held
    if (tryCount === 0) options.onWait?.()
    // An abort that came by now would never be heard of again.
    options.signal?.throwIfAborted()
    await waitForHolder(path, options.signal)
  }
}

async function tryHold(path: string): Promise<AsyncDisposable | undefined> {
  const waiting = new Set<Socket>()
  const server = createServer((socket) => {
    waiting.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => waiting.delete(socket))
  })
  try {
    server.listen({ path })
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined
    throw error
  }
  return {
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of waiting) socket.destroy()
      await closed
    },
  }
}

function waitForHolder(path: string, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    const give = (): void => void socket.destroy()
    signal?.addEventListener('abort', give, { once: true })
    // A holder that has just let go refuses or resets; both mean: try again.
    socket.on('error', give).on('close', () => {
      signal?.removeEventListener('abort', give)
      resolve()
    })
    socket.resume()
  })
}
