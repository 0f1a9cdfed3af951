// Debian's packages unpacked into a folder, with package lists of its own, fresh ones: that needs no root and changes nothing of the system's.

import { spawnSync } from 'node:child_process'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuildStep } from './build-cache.ts'
import { runTool } from './run-tool.ts'
import { ServersError } from './servers-error.ts'

export interface DebianPackages {
  /** Of the upstream `version`; of Debian's revisions of it the newest is taken. */
  readonly pinned: readonly [string, ...string[]]
  readonly version: string
  /** Whatever version there is. */
  readonly others?: readonly string[]
  /** What to do where the system does not have that version. */
  readonly instead: string
}

/** Leaves a Debian file tree in the step's folder. */
export async function unpackDebianPackages({ folder, logPath, signal }: BuildStep, packages: DebianPackages): Promise<void> {
  const aptFolder = join(folder, 'apt')
  await mkdir(join(aptFolder, 'lists', 'partial'), { recursive: true })
  await mkdir(join(aptFolder, 'archives', 'partial'), { recursive: true })
  const options = [`Dir::State::Lists=${aptFolder}/lists`, `Dir::Cache=${aptFolder}`, 'APT::Sandbox::User=', 'Acquire::Languages=none']
    .flatMap((option) => ['-o', option])
  await runTool({ program: 'apt-get', args: [...options, 'update'], cwd: aptFolder, logPath, signal })
  const version = debianVersion(packages, options)
  const names = [...packages.pinned.map((name) => `${name}=${version}`), ...packages.others ?? []]
  await runTool({ program: 'apt-get', args: [...options, 'download', ...names], cwd: aptFolder, logPath, signal })
  for (const file of await readdir(aptFolder)) {
    if (file.endsWith('.deb')) await runTool({ program: 'dpkg-deb', args: ['-x', join(aptFolder, file), folder], cwd: folder, logPath, signal })
  }
  await rm(aptFolder, { recursive: true })
}

/** Debian's newest revision of the pinned version. */
function debianVersion({ pinned: [name], version, instead }: DebianPackages, options: readonly string[]): string {
  const { stdout } = spawnSync('apt-cache', [...options, 'madison', name], { encoding: 'utf8' })
  const versions = stdout.split('\n').flatMap((line) => line.split('|')[1]?.trim() ?? [])
  // EPOCH:VERSION+REPACKED-REVISION
  const found = versions.find((each) => each.replace(/^\d+:/, '').split(/[-+]/)[0] === version)
  if (found !== undefined) return found
  throw new ServersError(`${name} ${version} is not among this system's packages (it has ${versions.join(', ') || 'none'}).\n  do  ${instead}`)
}
