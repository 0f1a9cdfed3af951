// Opens a folder that is there already: a command that looks at one must not make an empty one where a path was mistyped.

import { requireData } from './data-folder.ts'
import { openEmbeddedPorts, type EmbeddedPorts } from './embedded-ports.ts'

/** Throws INPUT_UNREADABLE where there is none, and what `openEmbeddedPorts` throws. */
export async function openExistingPorts(folder: string): Promise<EmbeddedPorts> {
  requireData(folder)
  return openEmbeddedPorts({ folder })
}
