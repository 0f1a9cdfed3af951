// What was not taken of an input, for people.
import type { ReadReport } from '@tidemark/pipelines/serve/point-in-time'
import type { InputReport } from '@tidemark/ports/batch-engine'
import { counted, formatNumber, formatTime, type Output } from './output.ts'

const SAMPLES_SHOWN = 5

/** For each source with rejected records, by its name: how many, and the first of them. */
export function rejectionLines(output: Output, reports: ReadonlyMap<string, ReadReport>): string[] {
  return [...reports].flatMap(([source, { readCount, rejectedCount, rejectedSamples }]) => rejectedLines(output, { records: `${counted(readCount, 'record')} of source ${source}`, rejectedCount, rejectedSamples }))
}

interface Rejected extends Pick<InputReport, 'rejectedCount' | 'rejectedSamples'> {
  /** `400 records of source trips`: of which they are. */
  readonly records: string
}

/** How many records were rejected, and where and why the first of them; nothing where none was. */
export function rejectedLines({ errorColors: { yellow, dim } }: Output, { records, rejectedCount, rejectedSamples }: Rejected): string[] {
  if (rejectedCount === 0) return []
  const shown = rejectedSamples.slice(0, SAMPLES_SHOWN)
  const more = rejectedCount - shown.length
  return [
    `${yellow('rejected')} ${formatNumber(rejectedCount)} of ${records}; they count nowhere`,
    ...shown.map(({ file, row, reason }) => `  ${file}, record ${row + 1}: ${reason}`),
    ...(more > 0 ? [dim(`  … and ${formatNumber(more)} more`)] : []),
  ]
}

/** For each view that skipped events because a join key is NULL: how many. */
export function nullKeyLines({ errorColors: { yellow } }: Output, views: readonly { readonly view: string; readonly report: ReadReport }[]): string[] {
  return views.flatMap(({ view, report: { nullKeyCount, acceptedCount } }) => (
    nullKeyCount === 0 ? [] : [`${yellow('skipped')} ${formatNumber(nullKeyCount)} of ${counted(acceptedCount, 'event')} for view ${view}: a join key is NULL`]
  ))
}

/** For each source whose events are held back by event times before them, by its name: how many, until when, and by which record. */
export function heldBackLines({ errorColors: { yellow, dim } }: Output, reports: ReadonlyMap<string, ReadReport>): string[] {
  return [...reports].flatMap(([source, { heldBack, acceptedCount }]) => {
    if (heldBack === null) return []
    const { count, by: { file, row, eventTimeMs } } = heldBack
    return [
      `${yellow('held back')} ${formatNumber(count)} of ${counted(acceptedCount, 'event')} of source ${source}: they count later than they happened, some only after ${formatTime(eventTimeMs)} (${file}, record ${row + 1})`,
      dim('  Without append times, an event is known no earlier than those before it. Name them with --append-time, sort the file, or bound its times with timestamp().between(…).'),
    ]
  })
}
