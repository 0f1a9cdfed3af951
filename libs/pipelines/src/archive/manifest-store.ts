// Publishing manifests, and walking from one back to another. The last seal's manifest may still be in the register alone: whoever meets
// it first publishes it, and nothing more is sealed before it is there.

import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import type { ObjectStore } from '@tidemark/ports/object-store'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { readSealRegister, type SourceName } from '../log/change-seal-register.ts'
import { decodeManifest, encodeManifest, manifestKey, type Manifest } from '../log/manifest.ts'

/** Publishes a manifest that the register holds; twice is once. STORE_DAMAGED where another one is there. */
export async function ensureManifest(objects: ObjectStore, manifest: Manifest): Promise<void> {
  const key = manifestKey(manifest.source, manifest.through)
  const bytes = encodeManifest(manifest)
  if (await objects.create(key, bytes)) return
  const found = await objects.get(key)
  if (found === null || Buffer.compare(found.bytes, bytes) !== 0) throw problem('STORE_DAMAGED', 'It is not the manifest that the seal register holds.', key)
}

/** The manifest of a seal. Throws OBJECT_MISSING where there is none, STORE_DAMAGED, STORE_TOO_NEW. */
export async function readManifest(objects: ObjectStore, registers: RegisterStore, source: SourceName, through: number): Promise<Manifest> {
  const key = manifestKey(source.name, through)
  let object = await objects.get(key)
  if (object === null) {
    const { register: { lastSeal } } = await readSealRegister(registers, source)
    if (lastSeal?.through === through) {
      await ensureManifest(objects, lastSeal)
      return lastSeal
    }
    // It may have been published and the register replaced in between.
    object = await objects.get(key)
  }
  if (object === null) throw problem('OBJECT_MISSING', 'There is no such manifest: no seal ends with that epoch, or the object was removed.', key)
  const manifest = decodeManifest(object.bytes, key)
  if (manifest.source !== source.name || manifest.through !== through) throw problem('STORE_DAMAGED', `It is the manifest of ${manifest.source} through ${manifest.through}.`, key)
  return manifest
}

/**
 * The manifests of the epochs after one seal (null or -Infinity: from the start) through another, in the order of their epochs. Both have to
 * be where a seal ends, as cuts of generations are. Throws what `readManifest` throws, and OBJECT_MISSING where no seal ends at `after`.
 */
export async function readManifests(objects: ObjectStore, registers: RegisterStore, source: SourceName, after: number | null, through: number): Promise<Manifest[]> {
  const first = after === -Infinity ? null : after
  const manifests: Manifest[] = []
  for (let at: number | null = through; at !== first; ) {
    if (at === null || (first !== null && at < first)) throw problem('OBJECT_MISSING', `No seal of source ${source.name} ends with epoch ${first}.`, manifestKey(source.name, first!))
    const manifest: Manifest = await readManifest(objects, registers, source, at)
    manifests.push(manifest)
    at = manifest.after
  }
  return manifests.reverse()
}

function problem(code: ErrorCode, message: string, where: string): TidemarkError {
  return new TidemarkError([{ code, message, where, action: 'Restore the object, or name a cut that a generation has. Objects of the archive are never rewritten.' }])
}
