// What the batch layer is told: in its reference, and what it becomes.
import { expect, it } from '@jest/globals'
import { readSettings } from '@tidemark/service-kit/settings'
import { unreferenced } from '@tidemark/service-kit/testing/unreferenced'
import { batchLayerSettings } from './config.ts'

const { batch } = batchLayerSettings

it('has settings that docs/services.md tells as --print-config-reference does', () => {
  expect(unreferenced(batchLayerSettings)).toEqual([])
})

it('has a gate and a pace of its own where it is told so', () => {
  expect(readSettings({}, { batch })).toEqual({ batch: { everyMs: 1_000, jobLeaseMs: 60_000, run: { gate: { isEmptyAllowed: true } } } })
  const told = { TIDEMARK_BATCH_EVERY_MS: '5000', TIDEMARK_BATCH_JOB_LEASE_MS: '2000', TIDEMARK_BATCH_KEPT_COUNT: '5', TIDEMARK_BATCH_EMPTY_ALLOWED: 'false', TIDEMARK_BATCH_REJECTED_SHARE_MAX: '0.25' }
  expect(readSettings(told, { batch })).toEqual({ batch: { everyMs: 5_000, jobLeaseMs: 2_000, run: { keptCount: 5, gate: { isEmptyAllowed: false, rejectedShareMax: 0.25 } } } })
})

it('refuses a share above 1, a pace of none and a lease that nobody can keep', () => {
  const wrong = { TIDEMARK_BATCH_EVERY_MS: '0', TIDEMARK_BATCH_JOB_LEASE_MS: '999', TIDEMARK_BATCH_REJECTED_SHARE_MAX: '1.1' }
  expect(() => readSettings(wrong, { batch })).toThrow(/EVERY_MS[^]*JOB_LEASE_MS[^]*REJECTED_SHARE_MAX/)
})
