// Reads all of a folder in a child process, because LMDB may crash on a damaged file, and says what is wrong and where.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { damaged, damagedDerived, unavailable } from './embedded-errors.ts'

const CHILD = join(import.meta.dirname, 'verify-child.ts')
/** Of what the child says on its way down. */
const OUTPUT_SIZE_MAX_CHARACTERS = 10_000

/** A database with a damaged value, and where the first one is. */
export interface BrokenDatabase {
  readonly database: string
  readonly where: string
  readonly message: string
}

/** What the child prints, as JSON in its last line. `broken`: of the derived databases. */
export type Verdict =
  | { readonly verdict: 'sound'; readonly entryCount: number; readonly broken: readonly BrokenDatabase[] }
  | { readonly verdict: 'damaged' | 'unavailable'; readonly where: string; readonly message: string }

export interface DerivedDatabases {
  /** What is in them is computed anew where it is missing, and nobody takes it for whole until then. */
  readonly names: readonly string[]
  /** Hears of each that was emptied because a value of it is damaged. Without this none is, and the folder is refused. */
  readonly onEmptied?: (broken: BrokenDatabase) => void
}

/** The number of entries that were read. STORE_DAMAGED with the first thing found wrong; STORE_UNAVAILABLE where the folder cannot be opened. */
export async function verifyEmbeddedFolder(folder: string, { names, onEmptied }: DerivedDatabases = { names: [] }): Promise<number> {
  const { output, errors, end } = await runChild([folder, onEmptied === undefined ? 'look' : 'empty', ...names])
  const verdict = verdictOf(output)
  if (verdict === null) throw damaged(folder, `Reading all of it ended with ${end}${errors === '' ? '' : `: ${errors}`}.`)
  if (verdict.verdict !== 'sound') throw verdict.verdict === 'damaged' ? damaged(verdict.where, verdict.message) : unavailable(verdict.where, verdict.message)
  const [first] = verdict.broken
  if (onEmptied === undefined && first !== undefined) throw damagedDerived(first.where, first.message)
  verdict.broken.forEach((broken) => onEmptied?.(broken))
  return verdict.entryCount
}

function runChild(args: readonly string[]): Promise<{ output: string; errors: string; end: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let errors = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-OUTPUT_SIZE_MAX_CHARACTERS)))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-OUTPUT_SIZE_MAX_CHARACTERS)))
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ output, errors: errors.trim(), end: signal ?? `exit code ${code}` }))
  })
}

function verdictOf(output: string): Verdict | null {
  const line = output.trimEnd().split('\n').at(-1) ?? ''
  try {
    const verdict = JSON.parse(line) as Verdict
    return typeof verdict.verdict === 'string' ? verdict : null
  } catch {
    return null // The child went down before it could judge.
  }
}
