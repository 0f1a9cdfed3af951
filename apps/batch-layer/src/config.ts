// What the batch layer is told.

import { DEFAULT_GATE } from '@tidemark/pipelines/batch/quality-gate'
import { JOB_LEASE_MS } from '@tidemark/pipelines/batch/run-due'
import { BATCH_CHECK_DEFAULT_MS } from '@tidemark/pipelines/lambda/batch-part'
import { KEPT_GENERATION_COUNT } from '@tidemark/pipelines/pointer'
import { adminSettings } from '@tidemark/service-kit/admin-settings'
import { cassandraSettings } from '@tidemark/service-kit/cassandra-server'
import { commonSettings } from '@tidemark/service-kit/common-settings'
import { engineSettings } from '@tidemark/service-kit/engine'
import { redisJobsSettings } from '@tidemark/service-kit/redis-servers'
import { s3Settings } from '@tidemark/service-kit/s3-server'
import { schemaRegistrySettings } from '@tidemark/service-kit/schema-registry'
import { flag, share, wholeNumber } from '@tidemark/service-kit/setting-kinds'
import { settingsGroup, type GroupsValues } from '@tidemark/service-kit/settings'
import { traceSettings } from '@tidemark/service-kit/trace-settings'

const ADMIN_PORT_DEFAULT = 9_103
const EVERY_MAX_MS = 7 * 24 * 3_600_000
const KEPT_COUNT_MAX = 1_000
const JOB_LEASE_MIN_MS = 1_000
const JOB_LEASE_MAX_MS = 3_600_000

const batchSettings = settingsGroup({
  prefix: 'TIDEMARK_BATCH_',
  variables: {
    EVERY_MS: wholeNumber(1, EVERY_MAX_MS).default(BATCH_CHECK_DEFAULT_MS).describe('How often it looks whether a generation is due.'),
    JOB_LEASE_MS: wholeNumber(JOB_LEASE_MIN_MS, JOB_LEASE_MAX_MS).default(JOB_LEASE_MS).describe("How long a process may be silent before its run is another's."),
    KEPT_COUNT: wholeNumber(1, KEPT_COUNT_MAX).optional().meta({ description: 'Generations that a pointer can go back to.', unset: `\`${KEPT_GENERATION_COUNT}\`` }),
    EMPTY_ALLOWED: flag.default(true).describe('Whether the gate lets a generation pass whose epochs have no accepted record; `false` where a silent producer is to be told as `GATE_CLOSED`.'),
    REJECTED_SHARE_MAX: share.optional().meta({ description: 'Largest share of rejected records that the gate lets pass.', unset: `\`${DEFAULT_GATE.rejectedShareMax}\`` }),
  },
  become: ({ EVERY_MS: everyMs, JOB_LEASE_MS: jobLeaseMs, KEPT_COUNT: keptCount, EMPTY_ALLOWED: isEmptyAllowed, REJECTED_SHARE_MAX: rejectedShareMax }) => ({
    everyMs, jobLeaseMs,
    run: {
      ...(keptCount !== undefined && { keptCount }),
      gate: { isEmptyAllowed, ...(rejectedShareMax !== undefined && { rejectedShareMax }) },
    },
  }),
})

export const batchLayerSettings = { common: commonSettings, admin: adminSettings(ADMIN_PORT_DEFAULT), traces: traceSettings, s3: s3Settings, cassandra: cassandraSettings, redisJobs: redisJobsSettings, engine: engineSettings, batch: batchSettings, schemaRegistry: schemaRegistrySettings }

export type BatchLayerSettings = GroupsValues<typeof batchLayerSettings>
