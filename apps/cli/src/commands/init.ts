// `tidemark init`: a small project of one's own that works at once.
import { copyFileSync, existsSync, mkdirSync, readdirSync, realpathSync, writeFileSync, rmdirSync, rmSync } from 'node:fs'
import { delimiter, dirname, join, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { exampleData } from '../example-project/data.ts'
import { exampleReadme } from '../example-project/readme.ts'
import { problemError, usageError } from '../failure.ts'
import type { Output } from '../output.ts'
import { writingFailed } from '../write-file.ts'

/** What a project is made of, in the sources that this command is run from. */
interface Installation {
  /** The folder of the example's files. */
  readonly example: string
  /** The command's own file. */
  readonly bin: string
  /** The library that definitions import, as the editor has to find it. */
  readonly schemaSource: string
}

export function addInitCommand(program: Command, output: Output): void {
  program
    .command('init')
    .summary('make a small project of your own that works at once')
    .description('Makes a small project: definitions, data, training rows, and a README whose commands work as they are printed.')
    .argument('[folder]', 'an empty or new folder', '.')
    .addHelpText('after', '\nExample:\n  tidemark init my-features')
    .action((folder: string) => {
      const installation = findInstallation()
      requireEmpty(folder)
      const tidemark = commandFor(resolve(folder), installation.bin)
      const files = writeProject(folder, tidemark, installation)
      const there = relative('', folder)
      const first = `${tidemark} check features.ts`
      output.answer({ folder: resolve(folder), files, next: first }, () => [
        `${output.colors.green('made')} ${folder}: ${files.join(', ')}`,
        '',
        'Next, and README.md has more:',
        ...(there === '' ? [] : [`  cd ${quoted(there)}`]),
        `  ${first}`,
        `  ${tidemark} features get --definitions features.ts --events events.csv --view card_spending --entity card=c-07 --at 2024-03-14T12:00:00Z`,
      ].join('\n'))
    })
}

/** Throws USAGE where there are no sources: in an image. */
function findInstallation(): Installation {
  const example = join(import.meta.dirname, '..', 'example-project')
  if (!existsSync(example)) throw usageError('A project is made by an installation from the sources, and this one is an image.', 'tidemark init', 'Call it in a clone of the repository: npx tidemark init my-features.')
  return {
    example,
    bin: realpathSync(join(import.meta.dirname, '..', '..', 'bin', 'tidemark.js')),
    schemaSource: realpathSync(dirname(new URL(import.meta.resolve('@tidemark/feature-schema/dsl')).pathname)),
  }
}

function requireEmpty(folder: string): void {
  let found: readonly string[]
  try {
    found = readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw writingFailed(folder, error)
  }
  if (found.length > 0) {
    throw problemError('OUTPUT_FAILED', `The folder is not empty: it has ${found.slice(0, 3).join(', ')}${found.length > 3 ? ', …' : ''}.`, folder, 'Name another folder, tidemark init my-features, or empty this one.')
  }
}

/** Writes the files of the project, and gives back their names. Throws OUTPUT_FAILED. */
function writeProject(folder: string, tidemark: string, { example, schemaSource }: Installation): string[] {
  const { eventsCsv, rowsCsv } = exampleData()
  const texts = { 'events.csv': eventsCsv, 'rows.csv': rowsCsv, 'tsconfig.json': tsconfigText(schemaSource), 'README.md': exampleReadme(tidemark) }
  const isNew = !existsSync(folder)
  try {
    if (isNew) mkdirSync(folder)
    copyFileSync(join(example, 'features.ts'), join(folder, 'features.ts'))
    for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text)
  } catch (error) {
    for (const name of ['features.ts', ...Object.keys(texts)]) rmSync(join(folder, name), { force: true })
    if (isNew && existsSync(folder)) rmdirSync(folder)
    throw writingFailed(folder, error)
  }
  return ['features.ts', ...Object.keys(texts)]
}

function tsconfigText(schemaSource: string): string {
  const compilerOptions = {
    target: 'esnext', module: 'esnext', moduleResolution: 'bundler', lib: ['esnext'], types: [],
    strict: true, erasableSyntaxOnly: true, verbatimModuleSyntax: true, allowImportingTsExtensions: true, noEmit: true, skipLibCheck: true,
    paths: { '@tidemark/feature-schema/*': [join(schemaSource, '*.ts')] },
  }
  return `${JSON.stringify({ compilerOptions, include: ['*.ts'] }, null, 2)}\n`
}

/** The words that start this installation from a folder: its name where a shell finds it, npx in its own workspace, else its path. */
function commandFor(folder: string, bin: string): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  // npm puts a workspace's own commands on the PATH of what it runs, where a shell does not find them afterwards.
  if (folders.some((each) => !each.includes('node_modules') && isOurs(join(each, 'tidemark'), bin))) return 'tidemark'
  const root = resolve(bin, '..', '..', '..', '..')
  const isInside = !relative(root, folder).startsWith('..')
  return isInside && isOurs(join(root, 'node_modules', '.bin', 'tidemark'), bin) ? 'npx tidemark' : `node ${quoted(bin)}`
}

function isOurs(command: string, bin: string): boolean {
  try {
    return realpathSync(command) === bin
  } catch {
    return false
  }
}

/** As one word of a shell. */
function quoted(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
