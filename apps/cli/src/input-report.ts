// What was not taken of an input, for people.
import type { ReadReport } from '@tidemark/pipelines/serve/point-in-time'
import { counted, formatNumber, type Output } from './output.ts'

const SAMPLES_SHOWN = 5

/** For each source with rejected records, by its name: how many, and the first of them. */
export function rejectionLines({ errorColors: { yellow, dim } }: Output, reports: ReadonlyMap<string, ReadReport>): string[] {
  return [...reports].flatMap(([source, { readCount, rejectedCount, rejectedSamples }]) => {
    if (rejectedCount === 0) return []
    const shown = rejectedSamples.slice(0, SAMPLES_SHOWN)
    const more = rejectedCount - shown.length
    return [
      `${yellow('rejected')} ${formatNumber(rejectedCount)} of ${counted(readCount, 'record')} of source ${source}; they count nowhere`,
      ...shown.map(({ file, row, reason }) => `  ${file}, record ${row + 1}: ${reason}`),
      ...(more > 0 ? [dim(`  … and ${formatNumber(more)} more`)] : []),
    ]
  })
}

/** For each view that skipped events because a join key is NULL: how many. */
export function nullKeyLines({ errorColors: { yellow } }: Output, views: readonly { readonly view: string; readonly report: ReadReport }[]): string[] {
  return views.flatMap(({ view, report: { nullKeyCount, acceptedCount } }) => (
    nullKeyCount === 0 ? [] : [`${yellow('skipped')} ${formatNumber(nullKeyCount)} of ${counted(acceptedCount, 'event')} for view ${view}: a join key is NULL`]
  ))
}
