// The command as the child of an older Node: nobody could stop it by its own id, so it ends when its parent does.
import module from 'node:module'
import { Worker } from 'node:worker_threads'

new Worker(new URL('./end-with-parent.js', import.meta.url)).unref()
module.enableCompileCache()
await import('../src/main.ts')
