// Checks every file that git knows or would add, prints each fault with its place, and fails if there is one.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findFaults } from './rules.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const notOurs = new Set(['package-lock.json', 'LICENSE'])

const paths = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\0')
  .filter((path) => path !== '' && !notOurs.has(path) && existsSync(join(root, path)))

const faults = paths.flatMap((path) => {
  const bytes = readFileSync(join(root, path))
  return bytes.includes(0) ? [] : findFaults({ path, text: bytes.toString('utf8') })
})

for (const { path, line, reason } of faults) console.error(line > 0 ? `${path}:${line} ${reason}` : `${path} ${reason}`)
console.log(`tidy: ${paths.length} files, ${faults.length} faults`)
if (paths.length === 0 || faults.length > 0) process.exitCode = 1
