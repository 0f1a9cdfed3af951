// Which release a folder holds: its version, the commit, and the commit's time, from which every file of it has its own.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './bundle.ts'

export interface Release {
  readonly version: string
  /** Its hash; ends with `-changed` where files of the workspace are no longer as it has them. */
  readonly commit: string
  readonly epochSeconds: number
}

/** What the caller says, else what git says. SOURCE_DATE_EPOCH: https://reproducible-builds.org/specs/source-date-epoch/ */
export function readRelease({ commit, environment = process.env }: { readonly commit?: string | undefined; readonly environment?: NodeJS.ProcessEnv } = {}): Release {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  const given = environment['SOURCE_DATE_EPOCH'] ?? ''
  if (given !== '' && !/^\d{1,10}$/.test(given)) throw new Error(`SOURCE_DATE_EPOCH is ${JSON.stringify(given)}: give seconds since 1970.`)
  const epochSeconds = given === '' ? Number(git('log', '-1', '--format=%ct')) : Number(given)
  return { version, commit: commit !== undefined && commit !== '' ? commit : `${git('rev-parse', 'HEAD')}${git('status', '--porcelain') === '' ? '' : '-changed'}`, epochSeconds }
}

function git(...args: readonly string[]): string {
  try {
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    throw new Error('There is no git, or no commit, to say which release this is: give --commit and SOURCE_DATE_EPOCH.')
  }
}
