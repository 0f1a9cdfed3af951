// The folder that an image holds, whole: program, packages with binaries, licences, release. The same sources make the same bytes, times and modes.

import { chmodSync, copyFileSync, existsSync, lutimesSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleProgram, ROOT } from './bundle.ts'
import { UNSEEN_PACKAGES, type Image } from './images.ts'
import { thirdPartyLicences } from './licences.ts'
import { copyPackages } from './native-packages.ts'
import type { Release } from './release.ts'

/** Of what an image holds beside Node. */
export const IMAGE_SIZE_MAX_BYTES = 120 * 10 ** 6
const MODES = { file: 0o644, folder: 0o755 } as const
/** Tells a folder that may be replaced from one that is somebody's. */
const RELEASE_FILE = 'release.json'

export interface ImageContext {
  readonly folder: string
  readonly sizeBytes: number
  readonly fileCount: number
}

/** Writes the folder anew. Throws where it is somebody's, where a program would not find something, and where it is too large. */
export async function writeImageContext(image: Image, folder: string, release: Release): Promise<ImageContext> {
  clear(folder)
  const { inputs, packages } = await bundleProgram(image, folder)
  const unseen = Object.entries(UNSEEN_PACKAGES).flatMap(([asker, name]) => (inputs.some((input) => input.includes(`node_modules/${asker}/`)) ? [name] : []))
  const copied = copyPackages([...packages, ...unseen], folder)
  const dependencies = Object.fromEntries(copied.map(({ name, version }) => [name, version]))
  writeJson(join(folder, 'package.json'), { name: `@tidemark/${image.name}`, version: release.version, private: true, license: 'Apache-2.0', type: 'module', dependencies })
  if (image.modules !== undefined) {
    writeJson(join(folder, 'node_modules', image.modules.package, 'package.json'), { name: image.modules.package, version: release.version, type: 'module', exports: { './*': './*.js' } })
  }
  const { version, commit, epochSeconds } = release
  writeJson(join(folder, RELEASE_FILE), { name: image.name, version, commit, committedAt: new Date(epochSeconds * 1_000).toISOString() })
  copyFileSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'))
  writeFileSync(join(folder, 'THIRD-PARTY-LICENSES.txt'), thirdPartyLicences(inputs, copied))
  const { sizeBytes, fileCount } = settle(folder, epochSeconds)
  if (sizeBytes > IMAGE_SIZE_MAX_BYTES) throw new Error(`${folder} has ${sizeBytes} bytes, at most ${IMAGE_SIZE_MAX_BYTES}: find what it has no need of.`)
  return { folder, sizeBytes, fileCount }
}

function clear(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length > 0 && !existsSync(join(folder, RELEASE_FILE))) {
    throw new Error(`${folder} is there, and holds something else: name another folder, or remove it.`)
  }
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`)
}

/** Gives everything the release's time and one mode; a folder after what is in it, whose writing moves its time. */
function settle(path: string, epochSeconds: number): { sizeBytes: number; fileCount: number } {
  const stat = statSync(path)
  const sum = { sizeBytes: stat.isDirectory() ? 0 : stat.size, fileCount: stat.isDirectory() ? 0 : 1 }
  if (stat.isDirectory()) {
    for (const name of readdirSync(path)) {
      const { sizeBytes, fileCount } = settle(join(path, name), epochSeconds)
      sum.sizeBytes += sizeBytes
      sum.fileCount += fileCount
    }
  }
  chmodSync(path, stat.isDirectory() ? MODES.folder : MODES.file)
  lutimesSync(path, epochSeconds, epochSeconds)
  return sum
}
