// The thread of load-module.ts: it runs the file, and says what the file exports that is a definition.

import { enableCompileCache } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import type { LoadedModule } from './load-module.ts'

// As the process itself does; it does not hold for its threads.
enableCompileCache()
// Not awaited: a file that waits for what never comes would be a warning of Node's.
void import('./run-definitions.ts').then(({ runDefinitions }) => runDefinitions(workerData as string, (loaded: LoadedModule) => parentPort!.postMessage(loaded)))
