// Where a service tells how it is: each has a port of its own, so that all of them run on one machine.

import { text, wholeNumber } from './setting-kinds.ts'
import { settingsGroup, type SettingsGroup } from './settings.ts'

const HOST_DEFAULT = '127.0.0.1'
const ADMIN_PORTS_DEFAULT = '9101 of `archiver`, 9102 of `speed-layer`, 9103 of `batch-layer`, 9104 of `serving-layer`'

export interface AdminSettings {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
}

export function adminSettings(defaultPort: number): SettingsGroup<AdminSettings> {
  return settingsGroup({
    prefix: 'TIDEMARK_ADMIN_',
    variables: {
      HOST: text('Give an address of this machine; 0.0.0.0 for all of them.', /^[A-Za-z0-9.:_-]+$/).default(HOST_DEFAULT).describe('Where it tells how it is: `/livez`, `/readyz`, `/metrics`.'),
      PORT: wholeNumber(0, 65_535).default(defaultPort).meta({ description: 'Where it tells how it is; 0 takes any that is free.', unset: ADMIN_PORTS_DEFAULT }),
    },
    become: ({ HOST: host, PORT: port }) => ({ host, port }),
  })
}
