// The release before this one, as it ran: the sources of a commit that previous-release.json names, with the packages that it had. Made once, and kept beside the
// builds of servers. Where the commit is not in this clone it is fetched; where that is not to be had either, nothing stands in for it.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { buildsFolder, ensureBuild, type BuildStep, type CachedBuild } from '@tidemark/servers/build-cache'
import { runTool } from '@tidemark/servers/run-tool'
import type { LayerName } from '@tidemark/servers/service-process'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const VERSION_LENGTH_CHARACTERS = 12
const FETCH_MAX_MS = 60_000
const QUIET = { building: () => undefined, waiting: () => undefined }

export interface PreviousRelease {
  /** Its hash, whole. */
  readonly commit: string
}

/** The folder of its sources, ready to run. */
export function ensurePreviousRelease(): Promise<string> {
  const { commit } = readPreviousRelease()
  return ensureBuild(releaseBuild(ROOT, commit), buildsFolder(), QUIET)
}

export function readPreviousRelease(): PreviousRelease {
  return JSON.parse(readFileSync(join(ROOT, 'tools', 'upgrade', 'previous-release.json'), 'utf8')) as PreviousRelease
}

/** Of a layer, or of the command, the file that Node runs. */
export function previousMainOf(folder: string, app: LayerName | 'cli'): string {
  return join(folder, 'apps', app, 'src', 'main.ts')
}

/** Leaves the sources, and what they import. */
function releaseBuild(repository: string, commit: string): CachedBuild {
  return {
    name: 'tidemark', version: commit.slice(0, VERSION_LENGTH_CHARACTERS),
    async build(step) {
      demandCommit(repository, commit)
      await unpack(repository, commit, step)
      await runTool({ program: 'npm', args: ['ci', '--omit=dev', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'], cwd: step.folder, logPath: step.logPath, signal: step.signal })
    },
  }
}

/** Throws where the commit is not in the repository, and its origin does not give it. */
export function demandCommit(repository: string, commit: string): void {
  const has = (): boolean => git(repository, 'cat-file', '-e', `${commit}^{commit}`) === ''
  if (has()) return
  const wrong = git(repository, 'fetch', '--quiet', '--depth=1', 'origin', commit)
  if (wrong === '' && has()) return
  throw new Error([
    `The previous release, commit ${commit}, is not in this clone, and could not be fetched: ${wrong === '' ? 'it is no commit' : wrong}`,
    '  do  git fetch --unshallow, or clone with the whole history; then run the suite again. tools/upgrade/previous-release.json names the commit.',
  ].join('\n'))
}

async function unpack(repository: string, commit: string, { folder, logPath, signal }: BuildStep): Promise<void> {
  const archive = `${folder}.tar`
  await runTool({ program: 'git', args: ['archive', '--format=tar', `--output=${archive}`, commit], cwd: repository, logPath, signal })
  await runTool({ program: 'tar', args: ['-xf', archive], cwd: folder, logPath, signal })
  await rm(archive)
}

/** What is wrong; '': nothing. It never asks for credentials. */
function git(repository: string, ...args: readonly string[]): string {
  const { status, stderr, error } = spawnSync('git', args, { cwd: repository, encoding: 'utf8', timeout: FETCH_MAX_MS, env: { ...process.env, GIT_TERMINAL_PROMPT: '0' } })
  if (status === 0) return ''
  return error?.message ?? (stderr.trim() || `git ${args[0]} ended with ${status}`)
}
