// `tidemark pointer show|rollback`: which generation of each view is read, and going back to an older one.
import { describePointer, type DescribedGeneration, type PointerDescription } from '@tidemark/pipelines/batch/describe-pointer'
import { rollBack } from '@tidemark/pipelines/batch/move-pointer'
import { viewId } from '@tidemark/pipelines/names'
import { readPointer } from '@tidemark/pipelines/pointer'
import { type Command, InvalidArgumentError } from 'commander'
import { usageError } from '../failure.ts'
import { formatTime, type Output, tableText } from '../output.ts'
import { findViews } from '../registered-names.ts'
import { addStoresOptions, type StoresOptions, withStores } from '../stores.ts'

const STORES = ['registers'] as const

export function addPointerCommand(program: Command, output: Output): void {
  const pointer = program
    .command('pointer')
    .summary('see which generation is read, and go back to an older one')
    .description('Shows and moves the pointers of views: which generation each is read from.')
  addStoresOptions(pointer.command('show').summary('the pointers of views').description('Shows the pointer of each view version: its generations, which is read, which can be gone back to.'))
    .option('--view <name>', 'a view, card_spending, or one version of it, card_spending@2 (default: all)')
    .addHelpText('after', '\nExample:\n  tidemark pointer show --view card_spending')
    .action(async ({ view, ...options }: StoresOptions & { readonly view?: string }) => {
      const { place, pointers } = await withStores(options, STORES, async ({ registers, place }) => {
        const views = await findViews(registers, view)
        return { place, pointers: await Promise.all(views.map(async (found) => describePointer((await readPointer(registers, viewId(found.view))).pointer, found.source.epochLengthMs))) }
      })
      output.answer({ ...place, pointers }, () => pointers.map((each) => pointerText(output, each)).join('\n\n') || 'No view was ever run here.')
    })
  addStoresOptions(pointer.command('rollback').summary('read an older generation again').description('Makes a view be read from an older generation, down to its floor; answers stay exact. What lies above is void once the next generation is planned.'))
    .requiredOption('--view <name>', 'a view, or one version of it: card_spending@2')
    .requiredOption('--to <generation>', 'its number, as `tidemark pointer show` lists it', readGeneration)
    .addHelpText('after', '\nExample:\n  tidemark pointer rollback --view card_spending --to 3')
    .action(async ({ view: name, to, ...options }: StoresOptions & { readonly view: string; readonly to: number }) => {
      const { place, moved } = await withStores(options, STORES, async ({ registers, place }) => {
        const [found, ...others] = await findViews(registers, name)
        if (others.length > 0) throw usageError(`There are ${others.length + 1} versions of view ${name}.`, '--view', `Name one: ${[found!, ...others].map(({ view }) => viewId(view)).join(', ')}.`)
        const { view, source } = found!
        const { pointer: { n: from } } = await readPointer(registers, viewId(view))
        return { place, moved: { from, ...describePointer(await rollBack(registers, viewId(view), to), source.epochLengthMs) } }
      })
      output.answer({ ...place, ...moved }, () => `${output.colors.green('moved')} ${moved.view} from generation ${moved.from} to ${moved.n}\n\n${pointerText(output, moved)}`)
    })
}

function readGeneration(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is no number of a generation.')
}

const STATES: Readonly<Record<DescribedGeneration['state'], string>> = { read: 'is read', kept: 'kept', ahead: 'rolled back past', planned: 'being made' }

function pointerText({ colors }: Output, { view, n, generations, voidNumbers }: PointerDescription): string {
  if (generations.length === 0) return `${colors.bold(view)}: nothing is published, everything is of the stream`
  const rows = generations.map(({ n: number, base, cutEndMs, publishedAtMs, state, isFloor }) =>
    [number, base === 0 ? '' : base, formatTime(cutEndMs), publishedAtMs === null ? '' : formatTime(publishedAtMs), `${STATES[state]}${isFloor ? ', floor' : ''}`])
  const voids = voidNumbers.length === 0 ? '' : `\nvoid: ${voidNumbers.join(', ')}`
  return `${colors.bold(view)}: ${n === null ? 'nothing is published' : `generation ${n} is read`}\n${tableText(colors, ['generation', 'on', 'appended before', 'published', 'state'], rows)}${voids}`
}
