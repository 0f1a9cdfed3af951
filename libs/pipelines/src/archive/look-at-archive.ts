// Whether the objects are there that the newest seals of a source name: somebody may have removed them, or restored the stores without them, and
// neither stream nor incremental batch would meet that. Their bytes are not read: whoever reads them compares their checksums.

import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { ObjectStore } from '@tidemark/ports/object-store'
import { readSealRegister, type SourceName } from '../log/change-seal-register.ts'
import type { Manifest } from '../log/manifest.ts'
import { readManifest } from './manifest-store.ts'
import type { Archive } from './open-epochs.ts'

/** Each costs a read, and a look for each of its objects: about a second together. */
const SEAL_COUNT_MAX = 500
const PROBLEM_COUNT_MAX = 10

export interface ArchiveLook {
  /** Seals whose manifests and objects were looked for, the newest. */
  readonly sealCount: number
  /** Whether these are all that there are. */
  readonly isAll: boolean
  /** Objects that are missing, and manifests that are damaged; the first ones. */
  readonly problems: readonly Problem[]
}

/** Throws what reading the register throws, and STORE_TOO_NEW. */
export async function lookAtArchive({ objects, registers }: Pick<Archive, 'objects' | 'registers'>, source: SourceName, sealCountMax = SEAL_COUNT_MAX): Promise<ArchiveLook> {
  const problems: Problem[] = []
  let sealCount = 0
  // The last seal's manifest is in the register, and an archiver that misses the object publishes it again.
  let manifest: Manifest | null = (await readSealRegister(registers, source)).register.lastSeal
  while (manifest !== null && sealCount < sealCountMax && problems.length < PROBLEM_COUNT_MAX) {
    sealCount++
    const keys: string[] = manifest.partitions.flatMap(({ segments }) => segments.map(({ key }) => key))
    const areThere = await Promise.all(keys.map((key) => isThere(objects, key)))
    problems.push(...keys.filter((_, i) => !areThere[i]).map(missing))
    const { after }: Manifest = manifest
    if (after === null) return { sealCount, isAll: true, problems: problems.slice(0, PROBLEM_COUNT_MAX) }
    manifest = await readManifest(objects, registers, source, after).catch((error: unknown) => {
      if (!(error instanceof TidemarkError) || (error.code !== 'OBJECT_MISSING' && error.code !== 'STORE_DAMAGED')) throw error
      // What is before it, nobody knows without it.
      problems.push(error.problems[0]!)
      return null
    })
  }
  return { sealCount, isAll: sealCount === 0, problems: problems.slice(0, PROBLEM_COUNT_MAX) }
}

async function isThere(objects: ObjectStore, key: string): Promise<boolean> {
  for await (const found of objects.list(key)) return found === key
  return false
}

function missing(key: string): Problem {
  return { code: 'OBJECT_MISSING', message: 'A manifest names it, and it is not there.', where: key, action: 'Restore the object. Objects of the archive are never rewritten.' }
}
