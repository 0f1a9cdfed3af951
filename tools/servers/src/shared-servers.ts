// The one set that all suites of a run share. Whoever runs the suites names it in TIDEMARK_SERVERS_SET; a suite asks for the servers
// that it needs, and the first to ask for one waits for its start. Suites share data too, so they name what they make for themselves.
import type { Addresses } from './addresses.ts'
import { expandNames, type NameOrGroup } from './names.ts'
import { ServerSet } from './server-set.ts'
import { ServersError } from './servers-error.ts'
import { SetFolder } from './set-folder.ts'

export const SHARED_SET_VARIABLE = 'TIDEMARK_SERVERS_SET'

/** Where the shared set's servers are, once these answer. A suite that would hurt them starts its own: `startServers`. */
export async function sharedServers(...names: readonly NameOrGroup[]): Promise<Addresses> {
  const name = process.env[SHARED_SET_VARIABLE]
  const folder = name === undefined ? undefined : new SetFolder(name)
  const found = folder?.readAddresses()
  const servers = expandNames(names)
  if (servers === undefined) throw new ServersError(`Of ${names.join(', ')} not all are servers.`)
  if (folder === undefined || found === undefined) {
    throw new ServersError(
      name === undefined ? `${SHARED_SET_VARIABLE} names no set of servers.\n  do  Run suites by npm run test:integration -- PATH`
        : `There is no set ${name}, which ${SHARED_SET_VARIABLE} names.\n  do  npm run servers -- up --set ${name}, or leave the variable away`,
    )
  }
  const set = new ServerSet(folder, found.ports)
  const failures = await set.up(servers)
  if (failures.size > 0) throw new ServersError([...failures].map(([failed, { message }]) => `${failed}: ${message}`).join('\n'))
  return set.addresses
}
