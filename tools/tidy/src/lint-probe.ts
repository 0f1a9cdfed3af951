// Lints texts as if they stood in a package's folder, with the real configuration. Reads a JSON array of { folder, text } from
// standard input and prints, for each, the ids of the rules that it breaks. A process of its own, because ESLint and Nx load
// native and CommonJS code that a test's sandbox does not give them.
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { ESLint } from 'eslint'

export interface Probe {
  /** A package's folder from the root of the workspace, such as `libs/ports`. */
  folder: string
  text: string
}

const root = join(import.meta.dirname, '..', '..', '..')
const probes = (await json(process.stdin)) as Probe[]
// With CI set, the parser would take each file for linted once, and give a second text that stands in its place the types of the first.
const severalTextsOfAFile = { languageOptions: { parserOptions: { disallowAutomaticSingleRunInference: true } } }
const eslint = new ESLint({ cwd: root, overrideConfig: severalTextsOfAFile })

const brokenRules: string[][] = []
for (const { folder, text } of probes) {
  const results = await eslint.lintText(text, { filePath: pathOfSomeSource(folder) })
  brokenRules.push(results.flatMap((result) => result.messages.map((message) => message.ruleId ?? message.message)))
}
console.log(JSON.stringify(brokenRules))

/** Type-aware rules only know files that exist, so the text takes the place of one that does: of production code, if there is any. */
function pathOfSomeSource(folder: string): string {
  const paths = globSync('src/**/*.ts', { cwd: join(root, folder) }).sort()
  const path = paths.find((candidate) => !/\.(?:test|contract)\.ts$|\/testing\//.test(candidate)) ?? paths[0]
  if (path === undefined) throw new Error(`lint probe: ${folder}/src has no source file`)
  return join(root, folder, path)
}
