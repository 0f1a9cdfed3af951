// Services and commands run from the folders of their images, as containers run them: contained-node.sh says how. That asks for root, who may mount; for
// anybody else Node runs on a folder elsewhere that nobody may write to.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { ServiceOptions } from '@tidemark/servers/service-process'

const SCRIPT = join(import.meta.dirname, 'contained-node.sh')
/** Who runs in it: no user of any system. */
export const CONTAINED_USER = 65_532

export const isContained = process.getuid!() === 0

/** Of a service on its image's folder, which may write into `writable` alone. `rootsFolder`: where it may make what it runs on. */
export function containedRun(image: string, rootsFolder: string, writable: string): Pick<ServiceOptions, 'main' | 'node'> {
  if (!isContained) {
    execFileSync('chmod', ['-R', 'a-w', image])
    return { main: join(image, 'main.js') }
  }
  mkdirSync(rootsFolder, { recursive: true })
  const root = mkdtempSync(join(rootsFolder, 'root-'))
  execFileSync('chown', ['-R', `${CONTAINED_USER}:${CONTAINED_USER}`, writable])
  return { main: '/app/main.js', node: ['unshare', '--mount', 'sh', SCRIPT, root, image, process.execPath, writable] }
}
