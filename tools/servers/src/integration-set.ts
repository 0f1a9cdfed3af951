// Before and after a run of suites that need servers (jest's globalSetup and globalTeardown): a set of its own on free ports, in which
// nothing runs until a suite asks for it, or the set that TIDEMARK_SERVERS_SET names, which is then left as it is.
import { findFreePorts } from './ports.ts'
import { identifyProcess } from './process-identity.ts'
import { ServerSet, sweepAbandonedSets } from './server-set.ts'
import { SetFolder } from './set-folder.ts'
import { SHARED_SET_VARIABLE } from './shared-servers.ts'

let ours: ServerSet | undefined

export async function openIntegrationSet(): Promise<void> {
  await sweepAbandonedSets()
  if (process.env[SHARED_SET_VARIABLE] !== undefined) return
  const folder = new SetFolder(`integration-${process.pid}`)
  ours = new ServerSet(folder, await findFreePorts())
  folder.writeAddresses(ours.ports, identifyProcess(process.pid))
  process.env[SHARED_SET_VARIABLE] = folder.set
}

/** What suites have closed in order is gone by then. */
const END_LIMIT_MS = 15_000

export async function endIntegration(): Promise<void> {
  await ours?.down(ours.folder.names())
  ours = undefined
  // Rings only where something keeps the process alive: a connection that a suite, or what it tried, has left open would keep it for ever.
  setTimeout(() => {
    console.error(`A suite has left something open: ${process.getActiveResourcesInfo().join(', ')}. Run suites alone to find which.`)
    process.exit(1)
  }, END_LIMIT_MS).unref()
}
