// Writes segments: create-only objects whose key is a function of what is in them. Where an object of the key is there already, an
// earlier attempt or another archiver wrote it, and it must hold the same records. Where it has other append times for them, it was written before one
// was declared, and nobody could seal it: the segment has a key of its own then, with a checksum of its times.

import { crc32 } from 'node:zlib'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { ArchivedRecord, ArchiveFormat, SegmentBuilder } from '@tidemark/ports/archive-format'
import type { LogRecord } from '@tidemark/ports/event-log'
import type { ObjectStore } from '@tidemark/ports/object-store'
import type { Segment } from '../log/manifest.ts'
import { markOf } from '../log/partition-position.ts'

export interface SegmentPlace {
  readonly partition: number
  readonly epoch: number
}

export type BeginSegment = (place: SegmentPlace, isRejected: boolean) => OpenSegment

export function segmentWriter(source: SourceDefinition, objects: ObjectStore, format: ArchiveFormat): BeginSegment {
  return (place, isRejected) => new OpenSegment({ source, objects, format, place, isRejected })
}

interface SegmentTarget {
  readonly source: SourceDefinition
  readonly objects: ObjectStore
  readonly format: ArchiveFormat
  readonly place: SegmentPlace
  readonly isRejected: boolean
}

/** Records that will be a segment, all accepted or all rejected. */
export class OpenSegment {
  rowCount = 0
  private readonly target: SegmentTarget
  private readonly builder: SegmentBuilder
  private firstOffset = 0
  private lastOffset = 0

  constructor(target: SegmentTarget) {
    this.target = target
    this.builder = target.format.begin({ source: target.source, ...target.place })
  }

  add(archived: ArchivedRecord): void {
    const { record: { offset } } = archived
    if (this.rowCount++ === 0) this.firstOffset = offset
    this.lastOffset = offset
    this.builder.add(archived)
  }

  /** Creates its object; nothing is added afterwards. Throws LOG_REPLACED where the object of its key has other records, and what the store throws. */
  async write(): Promise<Segment> {
    const { rowCount, firstOffset, lastOffset, target: { source, objects, format, place, isRejected } } = this
    const encoded = await this.builder.finish()
    const offsets = `${firstOffset}-${lastOffset}`
    let key = segmentKey(source, place, offsets, isRejected, format.extension)
    let bytes = (await objects.create(key, encoded)) ? encoded : await written(this.target, key, encoded)
    if (bytes === null) {
      key = segmentKey(source, place, `${offsets}.${timesChecksum(await format.read(encoded, source, key))}`, isRejected, format.extension)
      bytes = (await objects.create(key, encoded)) ? encoded : await written(this.target, key, encoded)
    }
    if (bytes === null) throw replacedError(key)
    return { key, epoch: place.epoch, firstOffset, lastOffset, rowCount, rejectedCount: isRejected ? rowCount : 0, sizeBytes: bytes.byteLength, checksum: crc32(bytes) }
  }
}

/** The bytes of an object that is there: another release may write the same records otherwise. null: it has other append times for them. */
async function written({ source, objects, format }: SegmentTarget, key: string, encoded: Uint8Array): Promise<Uint8Array | null> {
  const object = await objects.get(key)
  if (object === null) throw new TidemarkError([{ code: 'OBJECT_MISSING', message: 'It could not be created because it was there, and was gone then.', where: key, action: 'See who removes objects of the archive.' }])
  if (Buffer.compare(object.bytes, encoded) === 0) return encoded
  const [found, records] = [await format.read(object.bytes, source, key), await format.read(encoded, source, key)]
  if (found.length !== records.length || !found.every(({ record }, i) => isSame(record, records[i]!.record))) throw replacedError(key)
  return found.every(({ appendTimeMs, knownTimeMs }, i) => appendTimeMs === records[i]!.appendTimeMs && knownTimeMs === records[i]!.knownTimeMs) ? object.bytes : null
}

function replacedError(key: string): TidemarkError {
  return new TidemarkError([{
    code: 'LOG_REPLACED', message: 'It was written with other records than the log has at its offsets.', where: key,
    action: 'Find out what became of the log; the object stays as it is.',
  }])
}

/** Eight digits. */
function timesChecksum(records: readonly ArchivedRecord[]): string {
  const times = Float64Array.from(records.flatMap(({ appendTimeMs, knownTimeMs }) => [appendTimeMs, knownTimeMs]))
  return crc32(new Uint8Array(times.buffer)).toString(16).padStart(8, '0')
}

/** `archive/flights/3/8911/1042-2041.v1.parquet`, or with a checksum of declared times `1042-2041.0b5e11d7.v1.parquet` */
function segmentKey({ name, version }: SourceDefinition, { partition, epoch }: SegmentPlace, offsets: string, isRejected: boolean, extension: string): string {
  return `archive/${name}/${partition}/${epoch}/${offsets}.v${version}${isRejected ? '.rejected' : ''}.${extension}`
}

function isSame(a: LogRecord, b: LogRecord): boolean {
  const [x, y] = [markOf(a), markOf(b)]
  return x.offset === y.offset && x.appendTimeMs === y.appendTimeMs && x.checksum === y.checksum
}
