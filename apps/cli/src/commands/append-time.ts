// `tidemark append-time declare`: the way on where the log stamped a record far ahead, and its partition stands still before it.
import type { FeatureViewDefinition, SourceDefinition } from '@tidemark/feature-schema/definition'
import { createSystemClock } from '@tidemark/machine/system-clock'
import { declareAppendTime } from '@tidemark/pipelines/log/declare-append-time'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { type Command, InvalidArgumentError } from 'commander'
import { usageError } from '../failure.ts'
import { formatTime, type Output } from '../output.ts'
import { findSource, findViews } from '../registered-names.ts'
import { parseTime } from '../request-options.ts'
import { addStoresOptions, type StoresOptions, withStores } from '../stores.ts'

interface DeclareOptions extends StoresOptions {
  readonly source?: string
  readonly at?: string
  readonly asStamped?: boolean
}

export function addAppendTimeCommand(program: Command, output: Output): void {
  const declare = program
    .command('append-time')
    .summary('go on behind a record that the log stamped far ahead')
    .description('Append times of records that the log stamped far ahead.')
    .command('declare')
    .summary('declare when a record was appended')
    .description('Declares the append time of a record that the log stamped later than now by more than the source\'s skew, and of those after it that are stamped so too, up to the first that is not: they count as appended then, and their partition goes on. Partition and offset are those of the alarm.')
    .argument('<partition>', 'of the record in the source\'s log', readNumber)
    .argument('<offset>', 'of the record in the source\'s log', readNumber)
    .option('--at <time>', 'when it was appended: ISO 8601 (UTC where it names no zone) or epoch milliseconds')
    .option('--as-stamped', 'in place of --at: when the log says, each of them; where something contains one already (APPEND_TIME_SETTLED)')
  addStoresOptions(declare)
    .option('--source <name>', 'whose record (default: the only source)')
    .addHelpText('after', '\nExample:\n  tidemark append-time declare 3 17 --source payments --at 2024-03-14T12:00:00Z')
    .action(async (partition: number, offset: number, { source: name, at, asStamped = false, ...options }: DeclareOptions) => {
      if ((at === undefined) !== asStamped) throw usageError('It is not said, or said twice, when the record was appended.', '--at', 'Give either --at TIME or --as-stamped.')
      const appendTimeMs = at === undefined ? 'stamped' : parseTime(at, '--at')
      const { source, through } = await withStores(options, ['registers', 'log', 'speedViews'], async ({ registers, log, speedViews }) => {
        const found = await findSource(registers, name)
        const ports = { registers, log, speedViews, clock: createSystemClock(), readViews: () => viewsOf(registers, found) }
        return { source: found.name, through: await declareAppendTime(ports, found, { partition, offset, appendTimeMs }) }
      })
      output.answer({ source, partition, offset, through, appendTimeMs }, () => `${output.colors.green('declared')} source ${source}, partition ${partition}, offset ${offset}${through === offset ? '' : ` to ${through}`}: appended ${appendTimeMs === 'stamped' ? 'as stamped' : formatTime(appendTimeMs)}; the partition goes on`)
    })
}

async function viewsOf(registers: RegisterStore, source: SourceDefinition): Promise<FeatureViewDefinition[]> {
  return (await findViews(registers, undefined)).map(({ view }) => view).filter((view) => view.source === source.name)
}

function readNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is no whole number.')
}
