// Packages that cannot be bundled, copied with what they need themselves: what is installed of it, which is what fits this platform, and of each only
// what runs. Where one folder of node_modules has another version than what asks for it finds, that version is copied into the folder of who asks.

import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join, relative, sep } from 'node:path'
import { ROOT } from './bundle.ts'

export interface InstalledPackage {
  readonly name: string
  readonly version: string
  /** Of its folder. */
  readonly path: string
}

interface Manifest {
  readonly name: string
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** For those who read, compile or test it. */
const NEVER_RUN = new Set(['.md', '.map', '.h', '.c', '.cc', '.cpp', '.gyp', '.flow', '.html', '.txt'])
const NEVER_RUN_FOLDERS = new Set(['node_modules', 'src', 'dependencies', 'test', 'tests', 'benchmark'])
/** Of a file's name: `open.d.ts`, `node.napi.musl.node`. */
const NEVER_RUN_NAMES = /\.[cm]?ts$|\.musl\.node$|^rollup\.config\.|^\w*test/
const LICENCE = /^(?:licen[cs]e|copying|notice)/i

/** Copies them into `node_modules` of the folder. Those that were copied, by name. */
export function copyPackages(names: readonly string[], folder: string): InstalledPackage[] {
  const copied = new Map<string, InstalledPackage>()
  const copy = (name: string, asker: string, isOptional: boolean): void => {
    const path = installed(name, asker)
    if (path === null) {
      if (isOptional) return
      throw new Error(`${name} is not installed: call npm ci.`)
    }
    if (copied.has(path)) return
    const manifest = readManifest(path)
    copied.set(path, { name, version: manifest.version, path })
    cpSync(path, join(folder, relative(ROOT, path)), { recursive: true, filter: (file) => isRun(relative(path, file)) })
    const optional = manifest.optionalDependencies ?? {}
    for (const dependency of Object.keys({ ...manifest.dependencies, ...optional })) {
      if (!isTypesOrBuild(dependency)) copy(dependency, path, dependency in optional)
    }
  }
  for (const name of names) copy(name, ROOT, false)
  return [...copied.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

export function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as Manifest
}

/** Its files that say under which terms it may be used. */
export function licenceFiles(path: string): string[] {
  return readdirSync(path).filter((name) => LICENCE.test(name)).sort().map((name) => join(path, name))
}

/** Where Node finds it for code in a folder; null: nowhere. */
function installed(name: string, from: string): string | null {
  for (let folder = from; ; folder = join(folder, '..')) {
    const path = join(folder, 'node_modules', name)
    if (existsSync(join(path, 'package.json'))) return path
    if (folder === ROOT) return null
  }
}

function isRun(path: string): boolean {
  const parts = path.split(sep)
  const file = parts.at(-1)!
  if (LICENCE.test(file)) return true
  return !NEVER_RUN_FOLDERS.has(parts[0]!) && !parts.some((part) => part.startsWith('.')) && !NEVER_RUN.has(extname(file)) && !NEVER_RUN_NAMES.test(file)
}

/** What only a compiler asks for. */
function isTypesOrBuild(name: string): boolean {
  return name.startsWith('@types/') || name === 'node-addon-api'
}
