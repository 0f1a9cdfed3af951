// The folder .servers/SET of a checkout, where all of a set is: addresses.json, and for each server its configuration, its data, its
// log and process.json, which says which process it is.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { addressesOf, type Addresses } from './addresses.ts'
import { SERVER_NAMES, type ServerName } from './names.ts'
import type { Ports } from './ports.ts'
import type { ProcessIdentity } from './process-identity.ts'
import { ServersError } from './servers-error.ts'

export const SETS_FOLDER = join(import.meta.dirname, '..', '..', '..', '.servers')
export const DEFAULT_SET = 'default'

const FORMAT_VERSION = 1
const setNamePattern = /^[a-z0-9][a-z0-9-]{0,40}$/
export const SET_NAME_FORM = 'of small letters, digits and hyphens, at most 41'

/** What addresses.json holds. */
export interface SetAddresses {
  readonly version: typeof FORMAT_VERSION
  readonly set: string
  readonly ports: Ports
  readonly addresses: Addresses
  /** The process whose end means that nobody needs the set any more; without one it stays until it is taken down. */
  readonly owner?: ProcessIdentity
}

export class SetFolder {
  readonly set: string
  readonly path: string

  constructor(set: string, root: string = SETS_FOLDER) {
    if (!isSetName(set)) throw new ServersError(`The set's name ${JSON.stringify(set)} is not ${SET_NAME_FORM}.`)
    this.set = set
    this.path = join(root, set)
  }

  /** undefined when the set is not there. */
  readAddresses(): SetAddresses | undefined {
    const found = readJson<SetAddresses>(join(this.path, 'addresses.json'))
    if (found !== undefined && found.version !== FORMAT_VERSION) {
      throw new ServersError(`${this.path} is of another version of this tool.\n  do  Take it down with that version, or stop its servers and delete the folder.`)
    }
    return found
  }

  writeAddresses(ports: Ports, owner?: ProcessIdentity): void {
    const content: SetAddresses = { version: FORMAT_VERSION, set: this.set, ports, addresses: addressesOf(ports), ...(owner && { owner }) }
    writeJson(join(this.path, 'addresses.json'), content)
  }

  folderOf(name: ServerName): string {
    return join(this.path, name)
  }

  logOf(name: ServerName): string {
    return join(this.path, name, 'server.log')
  }

  /** The process that the server was when it was last started, running or not. */
  readProcess(name: ServerName): ProcessIdentity | undefined {
    return readJson<ProcessIdentity>(join(this.folderOf(name), 'process.json'))
  }

  writeProcess(name: ServerName, identity: ProcessIdentity): void {
    writeJson(join(this.folderOf(name), 'process.json'), identity)
  }

  removeProcess(name: ServerName): void {
    rmSync(join(this.folderOf(name), 'process.json'), { force: true })
  }

  /** The servers that have a folder here. */
  names(): ServerName[] {
    return SERVER_NAMES.filter((name) => existsSync(this.folderOf(name)))
  }

  removeServer(name: ServerName): void {
    rmSync(this.folderOf(name), { recursive: true, force: true })
  }

  removeAll(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

export function isSetName(text: string): boolean {
  return setNamePattern.test(text)
}

/** The sets that have a folder. */
export function listSets(root: string = SETS_FOLDER): string[] {
  return existsSync(root) ? readdirSync(root).filter(isSetName).sort() : []
}

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new ServersError(`${path} cannot be read: ${(error as Error).message}`)
  }
}

/** Whole or not at all, also for who reads it at the same time. */
function writeJson(path: string, value: object): void {
  mkdirSync(join(path, '..'), { recursive: true })
  const partial = `${path}.${process.pid}`
  writeFileSync(partial, `${JSON.stringify(value, null, 2)}\n`)
  renameSync(partial, path)
}
