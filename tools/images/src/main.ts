// npm run image:context -- NAME… [--out FOLDER] [--commit HASH]: writes exactly what an image holds. Exit codes: 0; 1 where it cannot be made; 2 for a wrong call.

import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from './bundle.ts'
import { IMAGE_NAMES, IMAGES, type ImageName } from './images.ts'
import { writeImageContext } from './image-context.ts'
import { readRelease } from './release.ts'

const EXIT = { failed: 1, usage: 2 } as const
const USAGE = `npm run image:context -- NAME… [--out FOLDER] [--commit HASH]

Writes the folder that the image of each holds, into dist/images/NAME, or below FOLDER. Names: ${IMAGE_NAMES.join(', ')}; all.`

const { names, out, commit } = readArguments()
try {
  const release = readRelease({ commit })
  for (const name of names) {
    const startedAtMs = performance.now()
    const { folder, sizeBytes, fileCount } = await writeImageContext(IMAGES[name], join(out, name), release)
    console.log(`${folder}: ${(sizeBytes / 10 ** 6).toFixed(1)} MB in ${fileCount} files, ${((performance.now() - startedAtMs) / 1_000).toFixed(1)} s`)
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = EXIT.failed
}

function readArguments(): { names: readonly ImageName[]; out: string; commit: string | undefined } {
  try {
    const { values, positionals } = parseArgs({ options: { out: { type: 'string' }, commit: { type: 'string' } }, allowPositionals: true })
    const names = positionals.includes('all') ? IMAGE_NAMES : positionals.map(nameOf)
    if (names.length === 0) throw new Error('Name an image.')
    return { names, out: values.out === undefined ? join(ROOT, 'dist', 'images') : resolve(process.env['INIT_CWD'] ?? '', values.out), commit: values.commit }
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    process.exit(EXIT.usage)
  }
}

function nameOf(text: string): ImageName {
  const name = IMAGE_NAMES.find((each) => each === text)
  if (name === undefined) throw new Error(`There is no image ${text}.`)
  return name
}
