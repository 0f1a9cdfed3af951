// The stores of a system that a command looks at or changes: those of a folder of `tidemark dev`, or with --servers those of the services.
import type { EventLog } from '@tidemark/ports/event-log'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { type Command, Option } from 'commander'
import { addDataOption, type DataOptions, withFolder, withOpened } from './data-folder.ts'

export interface StoresOptions extends DataOptions {
  readonly servers?: boolean
}

export interface Stores {
  readonly registers: RegisterStore
  readonly log: EventLog
  readonly speedViews: SpeedViewStore
}

export type StoreName = keyof Stores

/** The stores that were asked for, and whose they are, as answers say it: the folder, or the namespace on the servers. */
export type OpenStores<N extends StoreName> = Pick<Stores, N> & { readonly place: { readonly data: string } | { readonly servers: string } }

export function addStoresOptions(command: Command): Command {
  return addDataOption(command).addOption(new Option('--servers', 'in place of a folder: the servers that the environment names, by the settings of the services').conflicts('data'))
}

/** Runs `work` on stores that are there, and a signal that Ctrl-C aborts; then it throws `Interrupted`. Of the servers, those are asked for that have one of the stores. */
export function withStores<N extends StoreName, T>({ data, servers = false }: StoresOptions, names: readonly N[], work: (stores: OpenStores<N>, signal: AbortSignal) => Promise<T>): Promise<T> {
  if (!servers) {
    return withFolder(data, ({ registers, log, speedViews }, signal) => {
      const stores: OpenStores<StoreName> = { registers, log, speedViews, place: { data } }
      return work(stores, signal)
    })
  }
  return withOpened<OpenStores<N> & AsyncDisposable, T>(async (signal) => {
    // Loaded here, so that other commands start without the clients of servers.
    const { openServerStores } = await import('./server-stores.ts')
    return openServerStores(names, process.env, signal)
  }, work)
}
