// Opens the archive for a batch run: exactly the events of the epochs after one cut through another, whatever the register or the log
// say by then.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { ArchiveFormat, ArchiveInput, ArchiveOpening, SegmentObject } from '@tidemark/ports/archive-format'
import type { ObjectStore } from '@tidemark/ports/object-store'
import type { RecordSchemas } from '@tidemark/ports/record-formats'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { logDecoder } from '../log/log-decoder.ts'
import type { Manifest } from '../log/manifest.ts'
import { readManifests } from './manifest-store.ts'

export interface Archive {
  readonly objects: ObjectStore
  readonly registers: RegisterStore
  readonly format: ArchiveFormat
  /** Of the source's records, where they are not JSON. */
  readonly schemas?: RecordSchemas | undefined
}

export interface OpenEpochs extends ArchiveInput {
  readonly manifests: readonly Manifest[]
  /** Records of these epochs, by what the schema of the archiver said of them. */
  readonly recordCount: number
  readonly rejectedCount: number
}

/**
 * The events of the epochs (afterCut, cut] as a view's source version reads them; null or -Infinity: from the start. The input knows each
 * record's epoch, so that a query's own bounds of epochs leave nothing out. Throws what `readManifests` and the format's `open` throw.
 */
export async function openEpochs({ objects, registers, format, schemas }: Archive, source: SourceDefinition, afterCut: number | null, cut: number): Promise<OpenEpochs> {
  const manifests = await readManifests(objects, registers, source, afterCut, cut)
  const prepareDecoder = logDecoder({ source, registers, schemas })
  const decode: ArchiveOpening['decode'] = async (records) => {
    const decodeRecord = await prepareDecoder([records])
    return records.map((record) => decodeRecord(record).row)
  }
  const segments = manifests.flatMap(segmentsOf)
  const opened = await format.open({ source, objects, segments, decode })
  const all = manifests.flatMap(({ partitions }) => partitions.flatMap((partition) => partition.segments))
  return {
    input: opened.input,
    manifests,
    recordCount: all.reduce((sum, { rowCount }) => sum + rowCount, 0),
    rejectedCount: all.reduce((sum, { rejectedCount }) => sum + rejectedCount, 0),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  }
}

/** The objects of a manifest, partition after partition, as a format opens them. */
export function segmentsOf({ partitions, sourceVersion }: Manifest): SegmentObject[] {
  return partitions.flatMap(({ segments }) =>
    segments.map(({ key, sizeBytes, checksum, rejectedCount }) => ({ key, sizeBytes, checksum, sourceVersion, isRejected: rejectedCount > 0 })),
  )
}
