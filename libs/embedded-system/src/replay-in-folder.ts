// A replay on embedded ports in a folder of its own, which is gone afterwards.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Definitions } from '@tidemark/feature-schema/definition'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { INGEST_LIMITS as INGEST_DEFAULTS, type IngestLimits } from '@tidemark/pipelines/ingest/ingest-limits'
import { viewId } from '@tidemark/pipelines/names'
import { LambdaSystem } from '@tidemark/pipelines/lambda/lambda-system'
import { replay, type ReplayRequest, type ReplayResult } from '@tidemark/pipelines/replay/replay'
import { openEmbeddedPorts } from './embedded-ports.ts'
import { exceptLaterAppends } from './later-appends.ts'
import { createReplayClock } from './replay-clock.ts'

/**
 * The clock runs thousands of times faster than the work, so what a processor does each second, for the sake of others that may have the folder
 * open or take over from it, would be done for each question. Nobody does here: it is enough to look for generations about as often as they are made.
 */
const CHECK_EVERY_MIN_MS = 6 * 3_600_000
const CHECK_EVERY_MAX_MS = 7 * 24 * 3_600_000

const INGEST_LIMITS: Partial<IngestLimits> = {
  idleFenceMs: Infinity,
  // Which buckets are read next, the rows say: what others are brought waits.
  heldCountMax: 2 * INGEST_DEFAULTS.pollCountMax,
  // All that a poll brings is one transaction.
  writesInFlightMax: 1_024,
  cacheSizeMaxBytes: 512 * 1_048_576,
}

/** Of the batch engine and of the archiver's, each; what does not fit is put aside on the disk. */
const DUCKDB_LIMITS = { memoryLimitBytes: 256 * 1_048_576 }

export interface FolderReplay extends Omit<ReplayRequest, 'system' | 'reader' | 'append' | 'setClock' | 'setArchiveClock'> {
  /** Checked. */
  readonly definitions: Definitions
}

/** Throws what `replay` throws. An alarm of the system ends it: nothing of what a replay does may raise one. */
export async function replayInFolder({ definitions, ...request }: FolderReplay): Promise<ReplayResult> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-replay-'))
  try {
    const clock = createReplayClock(0)
    const alarms: TidemarkError[] = []
    const checkEveryMs = Math.min(CHECK_EVERY_MAX_MS, Math.max(CHECK_EVERY_MIN_MS, request.batchEveryMs))
    const asked = new Set(request.views.map(({ plan }) => viewId(plan.view)))
    const archiveClocks = new Map(definitions.sources.map(({ name }) => [name, createReplayClock(0)]))
    await using ports = await openEmbeddedPorts({ folder, clock, durability: 'process', verify: false, hasArchiverThread: true, isArchiverClockStanding: true, duckDb: DUCKDB_LIMITS })
    await using system = await LambdaSystem.start({
      ports: {
        ...ports,
        createArchiver: ({ onAlarm, ...options }) => ports.createArchiver!({
          ...options,
          clock: archiveClocks.get(options.source.name)!,
          onAlarm: exceptLaterAppends(onAlarm),
        }),
      },
      // Views that nothing is asked of, and their sources, come into no answer.
      definitions: { ...definitions, services: [], views: definitions.views.filter((view) => asked.has(viewId(view))) },
      member: 'replay', partitionCount: 1, ingestLimits: { ...INGEST_LIMITS, checkEveryMs },
      onAlarm: ({ code, message, where }) => alarms.push(new TidemarkError([{ code: code === 'SEAM_BROKEN' ? 'APPEND_TIME_AHEAD' : code, message, where, action: 'Look at the append times around it.' }])),
      // What a file holds is what is replayed: how good it is, is not this command's to judge.
      batch: { gate: { rejectedShareMax: 1, isEmptyAllowed: true, nullShareRiseMax: 1 } },
    })
    return await replay({
      ...request, system,
      reader: ports.engine,
      setClock: (nowMs) => {
        if (alarms.length > 0) throw alarms[0]!
        clock.set(nowMs)
      },
      setArchiveClock: (source, nowMs) => archiveClocks.get(source)!.set(nowMs),
      append: async (topic, records) => {
        const byTime: { topic: string; partition: number; appendTimeMs: number; records: { key: null; value: Uint8Array }[] }[] = []
        for (const { value, appendTimeMs } of records) {
          const last = byTime.at(-1)
          if (last?.appendTimeMs === appendTimeMs) last.records.push({ key: null, value })
          else byTime.push({ topic, partition: 0, appendTimeMs, records: [{ key: null, value }] })
        }
        await ports.log.appendAt(byTime)
      },
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
