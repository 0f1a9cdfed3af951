// Opens a folder that is there already: a command that looks at one must not make an empty one where a path was mistyped.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { openEmbeddedPorts, type EmbeddedPorts } from './embedded-ports.ts'

/** Throws INPUT_UNREADABLE where there is none, and what `openEmbeddedPorts` throws. */
export async function openExistingPorts(folder: string): Promise<EmbeddedPorts> {
  if (existsSync(join(folder, 'lmdb', 'FORMAT'))) return openEmbeddedPorts({ folder })
  throw new TidemarkError([{
    code: 'INPUT_UNREADABLE', message: existsSync(folder) ? 'The folder holds no data of Tidemark.' : 'There is no such folder.', where: folder,
    action: 'Name the folder that `tidemark dev --data` was given, or start it once.',
  }])
}
