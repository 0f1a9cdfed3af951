// What an overlay comes to, kept in k8s/rendered so that a change shows what it changes in a cluster, and so that everything can be looked at where there is no
// kustomize. The first line says of which sources it is: what is not of these is old.

import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { built, kustomizeBuild } from './builds.ts'

export const FOLDER = join(import.meta.dirname, '..', '..', '..', 'k8s')
export const OVERLAYS = ['dev', 'production'] as const
export type Overlay = (typeof OVERLAYS)[number]

/** Of which an overlay may take something. */
const SOURCES = ['base', 'components', 'overlays']
/** The program, its word for rendering, and how it says its version. */
const RENDERERS = [['kustomize', 'build', 'version'], ['kubectl', 'kustomize', 'version', '--client']] as const

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> }
  readonly [field: string]: unknown
}

export function renderedPath(overlay: Overlay): string {
  return join(FOLDER, 'rendered', `${overlay}.yaml`)
}

/** As it begins where it is of the sources as they are. */
export function headOf(overlay: Overlay): string {
  const hash = createHash('sha256')
  for (const source of SOURCES) {
    for (const path of readdirSync(join(FOLDER, source), { recursive: true, encoding: 'utf8' }).filter((each) => each.endsWith('.yaml')).sort()) {
      hash.update(`${source}/${path}\0`).update(readFileSync(join(FOLDER, source, path))).update('\0')
    }
  }
  return `# k8s/overlays/${overlay} as kustomize renders it: npm run kubernetes:render. Of sources with SHA-256 ${hash.digest('hex')}\n`
}

/** With what is on the PATH, kustomize or kubectl; where neither is, with a kustomize that is made. Throws what they refuse. */
export async function render(overlay: Overlay): Promise<string> {
  const [program, word] = RENDERERS.find(([each, , ...version]) => spawnSync(each, version).status === 0) ?? [join(await built(kustomizeBuild, 'go', 'some 3 minutes'), 'kustomize'), 'build']
  return `${headOf(overlay)}${execFileSync(program, [word, join(FOLDER, 'overlays', overlay)], { encoding: 'utf8' })}`
}

export function readManifests(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors
    if (error !== undefined) throw error
    return document.toJS() as Manifest
  })
}
