// What commands that look at a folder of `tidemark dev` have in common: the option, and how it is opened.
import type { EmbeddedPorts } from '@tidemark/embedded-system/embedded-ports'
import type { Command } from 'commander'
import { usageError } from './failure.ts'
import { listenForInterrupts } from './interrupt.ts'

export const DATA_FOLDER_DEFAULT = '.tidemark'

export interface DataOptions {
  readonly data: string
}

export function addDataOption(command: Command): Command {
  return command.option('--data <folder>', 'the folder that `tidemark dev` keeps everything in', DATA_FOLDER_DEFAULT)
}

/** Of commands that make generations. */
export const REJECTED_SHARE_OPTION = [
  '--rejected-share-max <share>', 'how much of the new records may have been rejected before no generation is made of them, from 0 to 1 (default: 0.05)', readShare,
] as const

function readShare(text: string): number {
  const share = /^\d*\.?\d+$/.test(text) ? Number(text) : NaN
  if (share >= 0 && share <= 1) return share
  throw usageError(`${JSON.stringify(text)} is no share.`, '--rejected-share-max', 'Write a number from 0 to 1: 0.2.')
}

/** Runs `work` on a folder that is there, as `withOpened` does. Several processes may have it open. */
export function withFolder<T>(folder: string, work: (ports: EmbeddedPorts, signal: AbortSignal) => Promise<T>): Promise<T> {
  return withOpened(async () => {
    // Loaded here, so that other commands start without the stores.
    const { openExistingPorts } = await import('@tidemark/embedded-system/open-existing')
    return openExistingPorts(folder)
  }, work)
}

/** Runs `work` on what is opened, and a signal that Ctrl-C aborts; then it throws `Interrupted`. */
export async function withOpened<O extends AsyncDisposable, T>(open: (signal: AbortSignal) => Promise<O>, work: (opened: O, signal: AbortSignal) => Promise<T>): Promise<T> {
  using interrupts = listenForInterrupts()
  const { signal } = interrupts
  await using opened = await open(signal)
  try {
    signal.throwIfAborted()
    return await work(opened, signal)
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}
