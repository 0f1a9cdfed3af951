// What an archiver's thread is told and what it tells. Archivers are numbered by who made them; each does one step at a time.

import type { DuckDbLimits } from '@tidemark/adapter-duckdb/duckdb-session'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Problem } from '@tidemark/feature-schema/errors'
import type { EmbeddedEnvironmentOptions } from '@tidemark/adapter-embedded/embedded-environment'
import type { Alarm } from '@tidemark/pipelines/alarm'
import type { ArchiveLimits } from '@tidemark/pipelines/archive/archive-limits'
import type { ArchiveStep } from '@tidemark/pipelines/archive/archiver'

/** What the thread opens. */
export interface ArchiverFolder extends Pick<EmbeddedEnvironmentOptions, 'durability'> {
  readonly environmentFolder: string
  readonly objectsFolder: string
  /** Whether a step's clock stands at the time that it begins with; default: it goes on at the system's pace. */
  readonly isClockStanding?: boolean
  /** Of what writes the archive; its temporary folder is for what that puts aside. */
  readonly duckDb: DuckDbLimits
}

export type ToArchiverThread =
  | { readonly kind: 'create'; readonly archiver: number; readonly source: SourceDefinition; readonly limits: Partial<ArchiveLimits> }
  /** `nowMs`: what time it was at `processMs` of the process's time. */
  | { readonly kind: 'step'; readonly archiver: number; readonly nowMs: number; readonly processMs: number }
  /** Ends the step that the archiver is at. */
  | { readonly kind: 'abort'; readonly archiver: number }
  /** Closes what is open, once the steps that are under way are done; the thread ends then. */
  | { readonly kind: 'close' }

export type FromArchiverThread =
  | { readonly kind: 'alarm'; readonly archiver: number; readonly alarm: Alarm }
  | { readonly kind: 'done'; readonly archiver: number; readonly step: ArchiveStep }
  /** `problems`: those of a coded error. */
  | { readonly kind: 'failed'; readonly archiver: number; readonly error: unknown; readonly problems: readonly [Problem, ...Problem[]] | null }
