// Builds are made once and kept outside the checkout, each in a folder NAME-VERSION that is there only when it is whole: it is made in
// a folder beside it and renamed. One process builds, others wait for it; what an interrupted build leaves is never used.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { acquireLock } from './lock.ts'

export interface BuildStep {
  /** Fills this empty folder. */
  readonly folder: string
  readonly logPath: string
  readonly signal: AbortSignal | undefined
}

export interface CachedBuild {
  readonly name: string
  readonly version: string
  build(step: BuildStep): Promise<void>
}

export interface BuildWatcher {
  building(): void
  /** Another process is building the same. */
  waiting(): void
}

/** A partial folder this old belongs to no build that still runs. */
const ABANDONED_AFTER_MS = 24 * 3_600_000

/** Where builds are kept: TIDEMARK_SERVER_BUILDS, else under the user's cache folder. */
export function buildsFolder(env: NodeJS.ProcessEnv = process.env): string {
  const set = env['TIDEMARK_SERVER_BUILDS']
  if (set !== undefined && set !== '') return set
  const cache = env['XDG_CACHE_HOME']
  return join(cache === undefined || cache === '' ? join(homedir(), '.cache') : cache, 'tidemark', 'server-builds')
}

/** The folder that the build has, or will have once it is made. */
export function folderOfBuild({ name, version }: CachedBuild, root: string): string {
  return join(root, `${name}-${version}`)
}

/** The folder of the build, made if it is not there. */
export async function ensureBuild(build: CachedBuild, root: string, watcher: BuildWatcher, signal?: AbortSignal): Promise<string> {
  const folder = folderOfBuild(build, root)
  if (existsSync(folder)) return folder
  await mkdir(root, { recursive: true })
  await using _lock = await acquireLock(`build ${folder}`, { onWait: () => watcher.waiting(), ...(signal && { signal }) })
  if (existsSync(folder)) return folder
  watcher.building()
  await removeAbandoned(root)
  const partial = await mkdtemp(join(root, `.partial-${build.name}-`))
  try {
    const content = join(partial, 'content')
    await mkdir(content)
    await build.build({ folder: content, logPath: join(partial, 'build.log'), signal })
    signal?.throwIfAborted()
    await renameUnlessThere(content, folder)
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
  return folder
}

/** A lock does not reach into another container that shares the cache: then whoever is second throws away an equal build. */
async function renameUnlessThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

async function removeAbandoned(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    if (!name.startsWith('.partial-')) continue
    const found = await stat(join(root, name)).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS) await rm(join(root, name), { recursive: true, force: true })
  }
}
