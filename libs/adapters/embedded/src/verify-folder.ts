// Reads all of a folder in a child process, because LMDB may crash on a damaged file, and says what is wrong and where.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { damaged, unavailable } from './embedded-errors.ts'

const CHILD = join(import.meta.dirname, 'verify-child.ts')
/** Of what the child says on its way down. */
const OUTPUT_SIZE_MAX_CHARACTERS = 10_000

/** What the child prints, as JSON in its last line. */
export type Verdict = { readonly verdict: 'sound'; readonly entryCount: number } | { readonly verdict: 'damaged' | 'unavailable'; readonly where: string; readonly message: string }

/** The number of entries that were read. STORE_DAMAGED with the first thing found wrong; STORE_UNAVAILABLE where the folder cannot be opened. */
export async function verifyEmbeddedFolder(folder: string): Promise<number> {
  const { output, errors, end } = await runChild(folder)
  const verdict = verdictOf(output)
  if (verdict === null) throw damaged(folder, `Reading all of it ended with ${end}${errors === '' ? '' : `: ${errors}`}.`)
  if (verdict.verdict === 'sound') return verdict.entryCount
  throw verdict.verdict === 'damaged' ? damaged(verdict.where, verdict.message) : unavailable(verdict.where, verdict.message)
}

function runChild(folder: string): Promise<{ output: string; errors: string; end: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, folder], { stdio: ['ignore', 'pipe', 'pipe'] })
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
