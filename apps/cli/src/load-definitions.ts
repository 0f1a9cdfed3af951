// Definitions for a command: a file that takes long is given up at Ctrl-C and its kin.
import * as files from '@tidemark/definition-files/load-definitions'
import type { LoadOptions } from '@tidemark/definition-files/load-module'
import type { Definitions } from '@tidemark/feature-schema/definition'
import { listenForInterrupts } from './interrupt.ts'

/** Not yet checked. Throws what `loadDefinitions` of the files throws, and `Interrupted`. */
export async function loadDefinitions(path: string): Promise<Definitions> {
  using interrupts = listenForInterrupts()
  return await files.loadDefinitions(path, interrupts)
}

/** Checked. With a signal of one's own, that one gives it up. */
export async function loadSoundDefinitions(path: string, options?: LoadOptions): Promise<Definitions> {
  if (options !== undefined) return files.loadSoundDefinitions(path, options)
  using interrupts = listenForInterrupts()
  return await files.loadSoundDefinitions(path, interrupts)
}
