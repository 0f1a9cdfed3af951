// Writes segments: create-only objects whose key is a function of what is in them. Where an object of the key is there already, an
// earlier attempt or another archiver wrote it, and it must hold the same records.

import { crc32 } from 'node:zlib'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { ArchivedRecord, ArchiveFormat } from '@tidemark/ports/archive-format'
import type { ObjectStore } from '@tidemark/ports/object-store'
import type { Segment } from '../log/manifest.ts'
import { markOf } from '../log/partition-position.ts'

export interface SegmentPlace {
  readonly partition: number
  readonly epoch: number
}

export type WriteSegment = (place: SegmentPlace, records: readonly ArchivedRecord[]) => Promise<Segment>

/** Records are all accepted or all rejected, at least one. Throws LOG_REPLACED where the object of the key has other ones, and what the store throws. */
export function segmentWriter(source: SourceDefinition, objects: ObjectStore, format: ArchiveFormat): WriteSegment {
  return async ({ partition, epoch }, records) => {
    const isRejected = records[0]!.row === null
    const firstOffset = records[0]!.record.offset
    const lastOffset = records.at(-1)!.record.offset
    const key = segmentKey(source, { partition, epoch }, `${firstOffset}-${lastOffset}`, isRejected, format.extension)
    const encoded = await format.encode({ source, partition, epoch, records })
    const bytes = (await objects.create(key, encoded)) ? encoded : await written(key, encoded, records)
    return {
      key, epoch, firstOffset, lastOffset, rowCount: records.length, rejectedCount: isRejected ? records.length : 0,
      sizeBytes: bytes.byteLength, checksum: crc32(bytes),
    }
  }

  /** The bytes of an object that is there: another release may write the same records otherwise. */
  async function written(key: string, encoded: Uint8Array, records: readonly ArchivedRecord[]): Promise<Uint8Array> {
    const object = await objects.get(key)
    if (object === null) throw new TidemarkError([{ code: 'OBJECT_MISSING', message: 'It could not be created because it was there, and was gone then.', where: key, action: 'See who removes objects of the archive.' }])
    if (Buffer.compare(object.bytes, encoded) === 0) return encoded
    const found = await format.read(object.bytes, source, key)
    if (found.length === records.length && found.every((one, i) => isSame(one, records[i]!))) return object.bytes
    throw new TidemarkError([{
      code: 'LOG_REPLACED', message: 'It was written with other records than the log has at its offsets.', where: key,
      action: 'Find out what became of the log; the object stays as it is.',
    }])
  }
}

/** `archive/flights/3/8911/1042-2041.v1.parquet` */
function segmentKey({ name, version }: SourceDefinition, { partition, epoch }: SegmentPlace, offsets: string, isRejected: boolean, extension: string): string {
  return `archive/${name}/${partition}/${epoch}/${offsets}.v${version}${isRejected ? '.rejected' : ''}.${extension}`
}

function isSame(a: ArchivedRecord, b: ArchivedRecord): boolean {
  const [x, y] = [markOf(a.record), markOf(b.record)]
  return x.offset === y.offset && x.appendTimeMs === y.appendTimeMs && x.checksum === y.checksum && a.appendTimeMs === b.appendTimeMs && a.knownTimeMs === b.knownTimeMs
}
