// Loaded before the main module of a child that must not outlive its parent, whatever it does: the parent holds the other end of its stdin, which the
// system closes when the parent is gone. A thread of its own waits for that, because the main one may be in a loop that never ends.
import { Socket } from 'node:net'
import { isMainThread, Worker } from 'node:worker_threads'

if (isMainThread) new Worker(import.meta.filename, { execArgv: [] }).unref()
else new Socket({ fd: 0 }).on('close', () => process.kill(process.pid, 'SIGKILL')).resume()
