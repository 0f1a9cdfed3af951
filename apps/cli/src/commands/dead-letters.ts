// `tidemark dead-letters list|show|replay`: records that did not fit their source, kept with the reason.
import type { DeadLetter } from '@tidemark/pipelines/ingest/dead-letter'
import { listDeadLetters, replayDeadLetters, showDeadLetter } from '@tidemark/pipelines/ingest/dead-letters'
import { type Command, InvalidArgumentError } from 'commander'
import { Interrupted } from '../failure.ts'
import { counted, formatBytes, formatTime, type Output, tableText } from '../output.ts'
import { findSource } from '../registered-names.ts'
import { addStoresOptions, type StoresOptions, withStores } from '../stores.ts'

interface DeadLetterOptions extends StoresOptions {
  readonly source?: string
}

const LISTED_COUNT_DEFAULT = 100
const STORES = ['registers', 'log'] as const

export function addDeadLettersCommand(program: Command, output: Output): void {
  const letters = program
    .command('dead-letters')
    .summary('see records that did not fit their source, and put them back')
    .description('Records that could not be parsed, or did not fit their source: kept as they were, with the reason.')
  withOptions(letters.command('list').summary('the dead letters of a source').description('Lists the dead letters of a source, oldest first in each partition: where the record is in the log, and why it is one.'))
    .option('--limit <count>', 'how many are shown, the last of the list', readCount, LISTED_COUNT_DEFAULT)
    .addHelpText('after', '\nExample:\n  tidemark dead-letters list --source payments')
    .action(async ({ source: name, limit, ...options }: DeadLetterOptions & { readonly limit: number }) => {
      const { source, count, shown } = await withStores(options, STORES, async ({ log, registers }, signal) => {
        const found = await findSource(registers, name)
        const newest: DeadLetter[] = []
        let total = 0
        for await (const letter of listDeadLetters(log, found)) {
          signal.throwIfAborted()
          total++
          newest.push(letter)
          if (newest.length > limit) newest.shift()
        }
        return { source: found.name, count: total, shown: newest }
      })
      output.answer({ source, count, deadLetters: shown.map(summaryOf) }, () => listText(output, source, count, shown))
    })
  withOptions(letters.command('show').summary('one dead letter, whole').description('Shows one dead letter: the record as it was, and why it is one.'))
    .argument('<partition>', 'of the record in the source\'s log', readCount)
    .argument('<offset>', 'of the record in the source\'s log', readCount)
    .addHelpText('after', '\nExample:\n  tidemark dead-letters show 0 17 --source payments')
    .action(async (partition: number, offset: number, { source, ...options }: DeadLetterOptions) => {
      const letter = await withStores(options, STORES, async ({ log, registers }) => showDeadLetter(log, await findSource(registers, source), partition, offset))
      output.answer({ ...summaryOf(letter), ...contentsOf(letter) }, () => letterText(output, letter))
    })
  withOptions(letters.command('replay').summary('put dead letters back into the log').description('Appends the dead letters that were not put back before to their source\'s log again, each once; after the producer or the definition was mended. One that still does not fit becomes a dead letter again.'))
    .addHelpText('after', '\nExample:\n  tidemark dead-letters replay --source payments')
    .action(async ({ source: name, ...options }: DeadLetterOptions) => {
      let putBackCount = 0
      const { source, replayedCount } = await withStores(options, STORES, async ({ log, registers }, signal) => {
        const found = await findSource(registers, name)
        return { source: found.name, replayedCount: await replayDeadLetters({ log, source: found, signal, onPutBack: (count) => void (putBackCount = count) }) }
      }).catch((error: unknown) => {
        throw error instanceof Interrupted && putBackCount > 0 ? new Interrupted(error.exitCode, `${counted(putBackCount, 'record')} put back before; replay again for the others`) : error
      })
      output.answer({ source, replayedCount }, () => replayedCount === 0 ? `There is no dead letter of source ${source} that was not put back already.` : `${output.colors.green('put back')} ${counted(replayedCount, 'record')} of source ${source}`)
    })
}

function withOptions(command: Command): Command {
  return addStoresOptions(command).option('--source <name>', 'whose dead letters (default: the only source)')
}

function readCount(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is no whole number.')
}

function summaryOf({ partition, offset, appendTimeMs, code, reason, isRecordLeft, record: { value } }: DeadLetter): object {
  return { partition, offset, appendTimeMs, code, reason, ...(isRecordLeft ? { isRecordLeft } : { sizeBytes: value?.length ?? 0 }) }
}

/** Text where the bytes are UTF-8, else base64. */
function contentsOf({ record: { key, value, headers } }: DeadLetter): { key: object | null; value: object | null; headers: Record<string, object> } {
  return { key: bytesOf(key), value: bytesOf(value), headers: Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, bytesOf(bytes)!])) }
}

function bytesOf(bytes: Uint8Array | null): { text: string } | { base64: string } | null {
  if (bytes === null) return null
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') }
  }
}

function listText({ colors }: Output, source: string, count: number, shown: readonly DeadLetter[]): string {
  if (count === 0) return `Source ${source} has no dead letters.`
  const rows = shown.map(({ partition, offset, appendTimeMs, code, reason, isRecordLeft, record }) => [partition, offset, formatTime(appendTimeMs), isRecordLeft ? 'too large' : formatBytes(record.value?.length ?? 0), code, reason])
  const more = shown.length < count ? `, the last ${shown.length}` : ''
  return `${colors.bold(`source ${source}`)}: ${counted(count, 'dead letter')}${more}\n${tableText(colors, ['partition', 'offset', 'appended', 'size', 'code', 'reason'], rows)}`
}

function letterText({ colors: { bold, dim } }: Output, letter: DeadLetter): string {
  const { topic, partition, offset, appendTimeMs, code, reason } = letter
  const placeText = `${bold(`topic ${topic}, partition ${partition}, offset ${offset}`)}, appended ${formatTime(appendTimeMs)}`
  const textOf = (contents: object | null): string => (contents === null ? dim('none') : 'text' in contents ? String(contents.text) : `base64 ${String((contents as { base64: string }).base64)}`)
  if (letter.isRecordLeft) return `${placeText}\n${code}: ${reason}\n\n${dim('It is too large for a dead letter, and left where it was: in the topic, and in the archive.')}`
  const { key, value, headers } = contentsOf(letter)
  return [
    placeText,
    `${code}: ${reason}`,
    '',
    `key    ${textOf(key)}`,
    ...Object.entries(headers).map(([name, contents]) => `header ${name}: ${textOf(contents)}`),
    `value  ${textOf(value)}`,
  ].join('\n')
}
