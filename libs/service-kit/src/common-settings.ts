// What every service is told.

import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { DEFINITIONS_EVERY_DEFAULT_MS } from '@tidemark/pipelines/definitions/definitions-feed'
import { folderPath, oneOf, text, wholeNumber } from './setting-kinds.ts'
import { settingsGroup } from './settings.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
export const NAMESPACE_DEFAULT = 'tidemark'
/** Kubernetes kills what has not ended 30 s after its SIGTERM. */
export const DRAIN_MAX_DEFAULT_MS = 25_000
const DRAIN_MAX_MAX_MS = 3_600_000
const DEFINITIONS_EVERY_MIN_MS = 100
const DEFINITIONS_EVERY_MAX_MS = 600_000

export interface CommonSettings {
  /** How often it is looked whether definitions were applied. */
  readonly definitionsEveryMs: number
  /** Before the names of everything that the system keeps on its servers. */
  readonly namespace: string
  /** This process among those of its kind. */
  readonly member: string
  readonly logLevel: (typeof LOG_LEVELS)[number]
  /** For what engines put aside and for opened objects. */
  readonly workFolder: string
  /** How long draining may take. */
  readonly drainMaxMs: number
  /** How long it works on once it is told to end, while /readyz says so. */
  readonly drainPauseMs: number
}

export const namespaceKind = text('Give a lower-case letter, then at most 47 of lower-case letters, digits, _ and -.', /^[a-z][a-z0-9_-]{0,47}$/).default(NAMESPACE_DEFAULT).describe('Before the names of everything on the servers: topics and groups `tidemark.…`, keys in Redis, objects `tidemark/…`.')

export const commonSettings = settingsGroup({
  prefix: 'TIDEMARK_',
  variables: {
    DEFINITIONS_EVERY_MS: wholeNumber(DEFINITIONS_EVERY_MIN_MS, DEFINITIONS_EVERY_MAX_MS).default(DEFINITIONS_EVERY_DEFAULT_MS).describe('How often it is looked whether [definitions](definitions.md#applying-definitions) were applied.'),
    NAMESPACE: namespaceKind,
    MEMBER: text('Give letters, digits, ., _ and -, at most 100.', /^[A-Za-z0-9._-]{1,100}$/).optional().meta({
      description: 'This process among those of its kind. Where it stays the same, one that is started again takes its own place at once. No two at a time have the same: the one that came first is left with nothing, and warns of it.',
      unset: 'host and process id',
    }),
    LOG_LEVEL: oneOf(...LOG_LEVELS).default('info').describe('The least that is worth a line.'),
    WORK_FOLDER: folderPath.default(join(tmpdir(), 'tidemark')).meta({ description: 'What engines put aside, and objects while they are read.', unset: "`tidemark` in the system's temporary folder" }),
    DRAIN_MAX_MS: wholeNumber(0, DRAIN_MAX_MAX_MS).default(DRAIN_MAX_DEFAULT_MS).describe('How long draining may take; less than whoever ends it waits before it kills.'),
    DRAIN_PAUSE_MS: wholeNumber(0, DRAIN_MAX_MAX_MS).default(0).describe('How long it works on once it is told to end, while `/readyz` says so already; part of the time for draining.'),
  },
  become: ({ DEFINITIONS_EVERY_MS: definitionsEveryMs, NAMESPACE: namespace, MEMBER, LOG_LEVEL: logLevel, WORK_FOLDER: workFolder, DRAIN_MAX_MS: drainMaxMs, DRAIN_PAUSE_MS: drainPauseMs }): CommonSettings => ({
    definitionsEveryMs, namespace, logLevel, workFolder, drainMaxMs, drainPauseMs,
    member: MEMBER ?? `${hostname().replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, 80)}-${process.pid}`,
  }),
})

/** Of who is told nothing else of these. */
export const namespaceSettings = settingsGroup({ prefix: 'TIDEMARK_', variables: { NAMESPACE: namespaceKind }, become: ({ NAMESPACE: namespace }) => namespace })
