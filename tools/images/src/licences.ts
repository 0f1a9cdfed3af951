// Under which terms everything in a folder may be used: each package, bundled or copied, with its version, its licence and the licence's words.

import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { ROOT } from './bundle.ts'
import { licenceFiles, type InstalledPackage } from './native-packages.ts'

/** The folder of a package that a file is of, however deep. */
const PACKAGE_FOLDER = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/
const RULE = '='.repeat(100)

interface LicensedManifest {
  readonly name: string
  readonly version: string
  readonly license?: string | { readonly type: string }
  readonly author?: string | { readonly name: string }
}

/** Throws where a package does not say its terms. */
export function thirdPartyLicences(inputs: readonly string[], copied: readonly InstalledPackage[]): string {
  const folders = new Set([...inputs.flatMap((input) => PACKAGE_FOLDER.exec(input)?.[1] ?? []), ...copied.map(({ path }) => relative(ROOT, path))])
  const sections = [...folders].map(sectionOf).sort((a, b) => (a.title < b.title ? -1 : 1))
  const intro = `What this folder holds of others: ${sections.length} packages, each with its terms.`
  return `${[intro, ...sections.map(({ title, text }) => `${RULE}\n${title}\n\n${text}`)].join('\n\n')}\n`
}

function sectionOf(folder: string): { readonly title: string; readonly text: string } {
  const path = join(ROOT, folder)
  const { name, version, license, author } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as LicensedManifest
  const licence = typeof license === 'object' ? license.type : license
  const texts = licenceFiles(path).map((file) => readFileSync(file, 'utf8').trim())
  if (licence === undefined && texts.length === 0) throw new Error(`${folder} does not say under which terms it may be used.`)
  const by = typeof author === 'object' ? author.name : author
  return { title: `${name} ${version}: ${licence ?? 'as below'}`, text: texts.length > 0 ? texts.join('\n\n') : `Licence: ${licence}${by === undefined ? '' : `. By ${by}`}.` }
}
