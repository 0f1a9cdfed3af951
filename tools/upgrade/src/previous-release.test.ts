// Without its commit there is no suite of upgrades: that is said, with what to do.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from '@jest/globals'
import { demandCommit, readPreviousRelease } from './previous-release.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-previous-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const git = (...args: readonly string[]): string =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()

function commitFile(text: string): string {
  writeFileSync(join(folder, 'a', 'file'), text)
  git('-C', 'a', 'add', 'file')
  git('-C', 'a', 'commit', '-q', '-m', text)
  return git('-C', 'a', 'rev-parse', 'HEAD')
}

it('is fetched where a clone is shallow, and asked for where it is nowhere', () => {
  git('init', '-q', 'a')
  const [old] = [commitFile('old'), commitFile('new')]
  git('clone', '-q', '--depth=1', `file://${join(folder, 'a')}`, 'b')
  const shallow = join(folder, 'b')
  expect(() => git('-C', 'b', 'cat-file', '-e', `${old}^{commit}`)).toThrow()
  demandCommit(shallow, old)
  expect(git('-C', 'b', 'show', `${old}:file`)).toBe('old')
  const nowhere = 'f'.repeat(40)
  expect(() => demandCommit(shallow, nowhere)).toThrow(new RegExp(`commit ${nowhere}, is not in this clone[^]*do {2}git fetch --unshallow`))
})

it('is named whole', () => {
  expect(readPreviousRelease().commit).toMatch(/^[0-9a-f]{40}$/)
})
