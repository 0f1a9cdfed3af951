// Deliberate bugs, by name: each breaks one rule of the protocol, put into the real pipelines by composition. A rule that several layers obey is
// broken in all of them. Each has the shortest schedule that shows it, of the layer whose rule it is, or here.

import { GENERATION_BUGS } from '@tidemark/conformance/generations/generation-bugs'
import { SCHEDULES as GENERATION_SCHEDULES } from '@tidemark/conformance/generations/schedules'
import { CLICKS, totals } from '@tidemark/conformance/ingest/ingest-definitions'
import { SCHEDULES as INGEST_SCHEDULES } from '@tidemark/conformance/ingest/ingest-schedules'
import { INGEST_BUGS } from '@tidemark/conformance/ingest/ingest-wrong-rules'
import { IngestWorld } from '@tidemark/conformance/ingest/ingest-world'
import { ARCHIVE_RULES } from '@tidemark/pipelines/archive/archive-rules'
import { INGEST_RULES } from '@tidemark/pipelines/ingest/ingest-rules'
import { ARCHIVE_BUGS } from '@tidemark/pipelines/testing/archive-bugs'
import type { RuleChanges } from './rules.ts'
import { SERVE_BUGS, SERVE_SCHEDULES } from './serve-schedules.ts'

export interface Bug {
  readonly changes: RuleChanges
  /** By layer: what is wrong where the rule is kept (nothing: null), or broken. */
  readonly schedules: readonly ((isBroken: boolean) => Promise<string | null>)[]
}

const archiveBugs = new Map(ARCHIVE_BUGS.map((bug) => [bug.name, bug]))

export const BUGS: Readonly<Record<string, Bug>> = Object.fromEntries(
  [...new Set([...archiveBugs.keys(), ...Object.keys(INGEST_BUGS), ...Object.keys(GENERATION_BUGS), ...Object.keys(SERVE_BUGS)])].map((name) => [name, bugOf(name)]),
)

function bugOf(name: string): Bug {
  const [archive, ingest, batch, serve] = [archiveBugs.get(name), INGEST_BUGS[name], GENERATION_BUGS[name], SERVE_BUGS[name]]
  return {
    changes: {
      ...(archive && { archive: archive.rule }), ...(ingest && { ingest }), ...serve,
      ...(batch?.rules && { batch: batch.rules }), ...(batch?.changeViews && { changeBatchViews: batch.changeViews }),
    },
    schedules: [
      ...(archive ? [(isBroken: boolean) => archive.schedule(isBroken ? { ...ARCHIVE_RULES, ...archive.rule } : ARCHIVE_RULES)] : []),
      ...(ingest ? [(isBroken: boolean) => runIngestSchedule(name, isBroken)] : []),
      ...(batch ? [(isBroken: boolean) => orThrown(GENERATION_SCHEDULES[name]!(isBroken ? batch : {}))] : []),
      ...(serve ? [(isBroken: boolean) => SERVE_SCHEDULES[name]!(isBroken ? serve : {})] : []),
    ],
  }
}

async function runIngestSchedule(name: string, isBroken: boolean): Promise<string | null> {
  const { partitionCount = 1, limits = {}, run } = INGEST_SCHEDULES[name]!
  return run(await IngestWorld.create({ source: CLICKS, views: [totals], partitionCount, limits, rules: isBroken ? { ...INGEST_RULES, ...INGEST_BUGS[name] } : INGEST_RULES }))
}

async function orThrown(schedule: Promise<string | null>): Promise<string | null> {
  try {
    return await schedule
  } catch (error) {
    return (error as Error).message
  }
}
