// Runs a definitions file in this thread. Node strips its types; hooks resolve @tidemark/… from here and say what kind of module
// the file is. Whatever goes wrong in it is its author's to mend, so each error is told with a place and what to do.
import { registerHooks } from 'node:module'
import { relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { inputProblem } from './input-problem.ts'

/** The exports of a module. Throws DEFINITION_INVALID where it does not parse or does not run. */
export async function importDefinitions(path: string): Promise<Readonly<Record<string, unknown>>> {
  const file = resolve(path)
  const hooks = registerHooks({
    resolve(specifier, context, nextResolve) {
      if (specifier.startsWith('@tidemark/')) return resolveOwn(specifier, context.parentURL, (parentURL) => nextResolve(specifier, { ...context, parentURL }))
      const resolved = nextResolve(specifier, context)
      // Else Node looks for a package.json that says so, and warns where there is none.
      return /\.m?ts$/.test(resolved.url) ? { ...resolved, format: 'module-typescript' } : resolved
    },
  })
  try {
    return (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>
  } catch (error) {
    throw error instanceof TidemarkError ? error : moduleProblem(path, error)
  } finally {
    hooks.deregister()
  }
}

function resolveOwn<T>(specifier: string, importer: string | undefined, resolveFrom: (parentURL: string) => T): T {
  try {
    return resolveFrom(import.meta.url)
  } catch (error) {
    const where = importer?.startsWith('file:') === true ? relative('', fileURLToPath(importer)) : 'definitions'
    throw inputProblem('DEFINITION_INVALID', `There is no module ${specifier}.`, where,
      'Definitions import @tidemark/feature-schema/dsl and @tidemark/feature-schema/aggregations.', error)
  }
}

/** What went wrong in a definitions file, as DEFINITION_INVALID. */
export function moduleProblem(path: string, error: unknown): Error {
  const file = resolve(path)
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const message = error instanceof Error ? error.message : String(error)
  const said = message.split('\n', 1)[0]!.replace(/\.$/, '')
  const problem = (what: string, action: string): Error => inputProblem('DEFINITION_INVALID', what, placeOf(path, file, error), action, error)
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    return problem(`It cannot run as it is: ${said}.`, 'Use only TypeScript whose types can be stripped: no enums, no namespaces, no parameter properties.')
  }
  const missing = /module '([^']+)' does not provide an export named '([^']+)'/.exec(said)
  if (missing !== null) return problem(`${missing[1]} has no export ${missing[2]}.`, 'Correct the name; docs/definitions.md lists what there is.')
  if (code === 'ERR_INVALID_TYPESCRIPT_SYNTAX' || error instanceof SyntaxError) return problem(`It does not parse: ${said}.`, 'Correct the syntax there.')
  if (code === 'ERR_MODULE_NOT_FOUND') {
    return problem(`An import is not there: ${said}.`, 'Correct the import; one of a file of yours is relative and ends with the extension: ./events.ts.')
  }
  return problem(`It fails when it runs: ${said}.`, 'Correct the code there.')
}

/** `features.ts:12:5`: the first place in the stack that is in the file, or that a syntax error begins with; else the file. */
function placeOf(path: string, file: string, error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  // A syntax error's stack begins with the place, some lines, and carets below the columns of the last one.
  const parsed = /^(?:file:\/\/)?(\/[^\n]+):(\d+)\n(?:[^\n]*\n)*?( *)\^+\n/.exec(stack)
  if (parsed !== null) {
    const found = decodeURI(parsed[1]!)
    return `${found === file ? path : relative('', found)}:${parsed[2]}:${parsed[3]!.length + 1}`
  }
  const frame = stack.split('\n').find((line) => line.includes(`${pathToFileURL(file).href}:`))
  const place = frame === undefined ? null : /:(\d+:\d+)\)?$/.exec(frame)
  return place === null ? path : `${path}:${place[1]}`
}
