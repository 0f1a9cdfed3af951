// What commands that look at a folder of `tidemark dev` have in common: the option, how it is opened, and what is meant by the names in it.
import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { EmbeddedPorts } from '@tidemark/embedded-system/embedded-ports'
import { viewId } from '@tidemark/pipelines/names'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { Command } from 'commander'
import { registeredSources, registeredViews, type RegisteredView } from '@tidemark/pipelines/definitions/definition-registry'
import { problemError, usageError } from './failure.ts'
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

/** Runs `work` on a folder that is there, and a signal that Ctrl-C aborts; then it throws `Interrupted`. Several processes may have it open. */
export async function withFolder<T>(folder: string, work: (ports: EmbeddedPorts, signal: AbortSignal) => Promise<T>): Promise<T> {
  using interrupts = listenForInterrupts()
  const { signal } = interrupts
  // Loaded here, so that other commands start without the stores.
  const { openExistingPorts } = await import('@tidemark/embedded-system/open-existing')
  await using ports = await openExistingPorts(folder)
  try {
    signal.throwIfAborted()
    return await work(ports, signal)
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}

/** The view versions that a name means: `card_spending` all of them, `card_spending@2` one. Throws UNKNOWN_NAME. */
export async function findViews(registers: RegisterStore, name: string | undefined): Promise<RegisteredView[]> {
  const all = await registeredViews(registers)
  if (name === undefined) return all
  const found = all.filter(({ view }) => view.name === name || viewId(view) === name)
  if (found.length > 0) return found
  throw problemError('UNKNOWN_NAME', `There is no view ${name} in the folder.`, '--view', didYouMean(name, all.map(({ view }) => viewId(view))))
}

/** The newest version of a source; without a name, of the only one. Throws UNKNOWN_NAME, or USAGE where there are several. */
export async function findSource(registers: RegisterStore, name: string | undefined): Promise<SourceDefinition> {
  const all = (await registeredSources(registers)).filter(({ kind }) => kind === 'event')
  const names = all.map((source) => source.name)
  const found = name === undefined && all.length === 1 ? all[0] : all.find((source) => source.name === name)
  if (found !== undefined) return found
  if (name === undefined && all.length > 1) throw problemError('USAGE', `There are ${all.length} sources.`, '--source', `Choose one: ${names.join(', ')}.`)
  throw problemError('UNKNOWN_NAME', `There is no source ${name ?? 'of events'} in the folder.`, '--source', didYouMean(name ?? '', names))
}
