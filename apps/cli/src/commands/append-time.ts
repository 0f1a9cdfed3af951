// `tidemark append-time declare`: the way on where the log stamped a record far ahead, and its partition stands still before it.
import { declareAppendTime } from '@tidemark/pipelines/log/declare-append-time'
import { type Command, InvalidArgumentError } from 'commander'
import { addDataOption, type DataOptions, findSource, withFolder } from '../data-folder.ts'
import { formatTime, type Output } from '../output.ts'
import { parseTime } from '../request-options.ts'

interface DeclareOptions extends DataOptions {
  readonly source?: string
  readonly at: string
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
    .requiredOption('--at <time>', 'when it was appended: ISO 8601 (UTC where it names no zone) or epoch milliseconds')
  addDataOption(declare)
    .option('--source <name>', 'whose record (default: the only source)')
    .addHelpText('after', '\nExample:\n  tidemark append-time declare 3 17 --source payments --at 2024-03-14T12:00:00Z')
    .action(async (partition: number, offset: number, { data, source: name, at }: DeclareOptions) => {
      const appendTimeMs = parseTime(at, '--at')
      const { source, through } = await withFolder(data, async (ports) => {
        const found = await findSource(ports.registers, name)
        return { source: found.name, through: await declareAppendTime(ports, found, { partition, offset, appendTimeMs }) }
      })
      output.answer({ source, partition, offset, through, appendTimeMs }, () => `${output.colors.green('declared')} source ${source}, partition ${partition}, offset ${offset}${through === offset ? '' : ` to ${through}`}: appended ${formatTime(appendTimeMs)}; the partition goes on`)
    })
}

function readNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is no whole number.')
}
