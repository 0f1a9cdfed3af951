// A segment of some records at once.

import type { ArchivedRecord, ArchiveFormat, SegmentPlace } from '../archive-format.ts'

export interface SegmentContents extends SegmentPlace {
  readonly records: readonly ArchivedRecord[]
}

export function encodeSegment(format: ArchiveFormat, { records, ...place }: SegmentContents): Promise<Uint8Array> {
  const builder = format.begin(place)
  for (const record of records) builder.add(record)
  return builder.finish()
}
