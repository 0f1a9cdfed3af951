// Definitions from a file: JSON as it is, TypeScript by running it. What its imports name as @tidemark/… is this installation's,
// wherever the file lies, so that a project of one's own needs nothing installed.
import { readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { checkDefinitions } from '@tidemark/feature-schema/check-definitions'
import type { Definitions } from '@tidemark/feature-schema/definition'
import { parseDefinitions } from '@tidemark/feature-schema/definitions-json'
import { type Problem, TidemarkError } from '@tidemark/feature-schema/errors'
import { inputProblem } from './input-problem.ts'
import { loadModule, type LoadOptions } from './load-module.ts'

const MODULE_EXTENSIONS = ['.ts', '.mts', '.js', '.mjs']

/** What the file defines, not yet checked. Throws INPUT_UNREADABLE, DEFINITION_INVALID or DEFINITION_TOO_NEW, with the file in each place. */
export async function loadDefinitions(path: string, options?: LoadOptions): Promise<Definitions> {
  const text = readText(path)
  const extension = extname(path)
  try {
    if (extension === '.json') return parseDefinitions(text)
    if (MODULE_EXTENSIONS.includes(extension)) return await loadModule(path, options)
  } catch (error) {
    if (error instanceof TidemarkError) throw placedIn(path, error)
    throw error
  }
  throw inputProblem('INPUT_UNREADABLE', `Definitions are ${MODULE_EXTENSIONS.join(', ')} or .json files.`, path, 'Name such a file; `tidemark init` writes an example.')
}

/** Definitions that can be run. Throws every problem that they have. */
export async function loadSoundDefinitions(path: string, options?: LoadOptions): Promise<Definitions> {
  const definitions = await loadDefinitions(path, options)
  const [first, ...rest] = checkDefinitions(definitions)
  if (first !== undefined) throw placedIn(path, new TidemarkError([first, ...rest]))
  return definitions
}

/** The same problem with its file. */
export function placeProblem(path: string, problem: Problem): Problem {
  return problem.where === path || problem.where.startsWith(`${path}:`) ? problem : { ...problem, where: `${path}, ${problem.where}` }
}

function placedIn(path: string, { problems: [first, ...rest] }: TidemarkError): TidemarkError {
  return new TidemarkError([placeProblem(path, first!), ...rest.map((problem) => placeProblem(path, problem))])
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw inputProblem('INPUT_UNREADABLE', `The definitions cannot be read: ${reasonOf(error)}.`, path, 'Check the path, and the folder that it is relative to.', error)
  }
}

/** What the system said, without the call and the path: `no such file or directory`. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.replace(/^E[A-Z]+: /, '').replace(/, \w+( '.*)?$/, '')
}
