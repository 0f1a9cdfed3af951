// What is meant by the names of views and sources that a command is given, in a system that knows definitions.
import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { registeredSources, registeredViews, type RegisteredView } from '@tidemark/pipelines/definitions/definition-registry'
import { viewId } from '@tidemark/pipelines/names'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { problemError } from './failure.ts'

/** The view versions that a name means: `card_spending` all of them, `card_spending@2` one. Throws UNKNOWN_NAME. */
export async function findViews(registers: RegisterStore, name: string | undefined): Promise<RegisteredView[]> {
  const all = await registeredViews(registers)
  if (name === undefined) return all
  const found = all.filter(({ view }) => view.name === name || viewId(view) === name)
  if (found.length > 0) return found
  throw problemError('UNKNOWN_NAME', `There is no view ${name}.`, '--view', didYouMean(name, all.map(({ view }) => viewId(view))))
}

/** The newest version of a source; without a name, of the only one. Throws UNKNOWN_NAME, or USAGE where there are several. */
export async function findSource(registers: RegisterStore, name: string | undefined): Promise<SourceDefinition> {
  const all = (await registeredSources(registers)).filter(({ kind }) => kind === 'event')
  const names = all.map((source) => source.name)
  const found = name === undefined && all.length === 1 ? all[0] : all.find((source) => source.name === name)
  if (found !== undefined) return found
  if (name === undefined && all.length > 1) throw problemError('USAGE', `There are ${all.length} sources.`, '--source', `Choose one: ${names.join(', ')}.`)
  throw problemError('UNKNOWN_NAME', `There is no source ${name ?? 'of events'}.`, '--source', didYouMean(name ?? '', names))
}
