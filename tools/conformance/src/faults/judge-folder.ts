// Holds everything that a folder has against the notebook: each event that was acknowledged exactly once, in the log, in the archive, in the batch view and in
// the answers; one whose fate nobody knew is in all of them, or in none.

import { expect } from '@jest/globals'
import type { EmbeddedPorts } from '@tidemark/embedded-system/embedded-ports'
import { readManifests } from '@tidemark/pipelines/archive/manifest-store'
import { segmentsOf } from '@tidemark/pipelines/archive/open-epochs'
import { listDeadLetters } from '@tidemark/pipelines/ingest/dead-letters'
import { readSealRegister } from '@tidemark/pipelines/log/change-seal-register'
import { createFeatureServer } from '@tidemark/pipelines/serve/answer-features'
import { catalogOf } from '@tidemark/pipelines/serve/feature-catalog'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { idOf, type EventNotebook, type SentEvent } from './event-notebook.ts'
import { CLOCK_SPEED } from './fast-clock.ts'
import { definitions, PARTITION_COUNT, source } from './fault-definitions.ts'

const NO_LIMITS = { countMax: 1_000_000, sizeMaxBytes: 1_000_000_000, waitMaxMs: 0 }

/** The events that are in the log, in its order, partition after partition. Every acknowledged one is, once; and none that was not sent. */
export async function judgeLog({ log }: EmbeddedPorts, notebook: EventNotebook): Promise<SentEvent[]> {
  const ids: number[] = []
  for (let partition = 0; partition < PARTITION_COUNT; partition++) ids.push(...(await log.fetch('payments', partition, 0, NO_LIMITS)).records.map(({ value }) => idOf(value)))
  const inLog = new Set(ids)
  expect(ids).toHaveLength(inLog.size)
  expect(notebook.events.filter(({ id, acknowledgedAtMs }) => acknowledgedAtMs !== null && !inLog.has(id))).toEqual([])
  return ids.map((id) => notebook.events[id]!)
}

/** The archive has the log's records, each once. */
export async function judgeArchive({ objects, registers, format }: EmbeddedPorts, inLog: readonly SentEvent[]): Promise<void> {
  const { register: { sealedThrough } } = await readSealRegister(registers, source)
  const ids: number[] = []
  for (const manifest of await readManifests(objects, registers, source, null, sealedThrough!)) {
    for (const { key } of segmentsOf(manifest)) ids.push(...(await format.read((await objects.get(key))!.bytes, source, key)).map(({ record }) => idOf(record.value)))
  }
  expect(ids.sort(ascending)).toEqual(inLog.map(({ id }) => id).sort(ascending))
}

export async function judgeDeadLetters({ log }: EmbeddedPorts, inLog: readonly SentEvent[]): Promise<void> {
  const ids = (await Array.fromAsync(listDeadLetters(log, source))).map(({ record }) => idOf(record.value))
  expect(ids.sort(ascending)).toEqual(inLog.filter(({ isMalformed }) => isMalformed).map(({ id }) => id).sort(ascending))
}

/** What is answered of every card and shop; `isBatchAlone`: from what the generation has. */
export async function judgeAnswers(ports: EmbeddedPorts, notebook: EventNotebook, inLog: readonly SentEvent[], isBatchAlone: boolean): Promise<void> {
  const server = createFeatureServer({ ...ports, catalog: () => catalogOf(definitions), ...(isBatchAlone && { speedViews: withoutSpeed(ports.speedViews) }) })
  for (const [view, key, amounts, entities] of [['cards', 'card', 'spent_lifetime', notebook.cards()], ['shops', 'shop', 'taken_10m', notebook.shops()]] as const) {
    const features = ['payments_lifetime', ...(view === 'cards' ? ['payments_10m'] : []), amounts]
    const answer = await server.answer({ asked: { features: features.map((feature) => ({ view, feature })) }, entities: entities.map((name) => ({ [key]: name })), policy: 'degrade', deadlineMs: 10_000 * CLOCK_SPEED, explain: false })
    // What is late has no values, which is not what is judged here.
    expect(answer.degraded.map(({ code }) => code)).not.toContain('DEADLINE')
    if (isBatchAlone) expect(answer.degraded.map(({ code }) => code)).toEqual(['SPEED_UNAVAILABLE', 'SPEED_SILENT'])
    const found = answer.entities.map(({ values }, i) => [entities[i], ...values.map(({ value }) => Number(value ?? 0))])
    expect(found).toEqual(entities.map((name) => [name, ...answer.features.map(({ feature }, at) => {
      const counted = inLog.filter((event) => event[key] === name && !event.isMalformed && event.atMs >= (answer.tailsMs[at] ?? -Infinity) && event.atMs < answer.t)
      return feature.startsWith('payments') ? counted.length : counted.reduce((sum, { amount }) => sum + amount, 0)
    })]))
  }
}

function withoutSpeed(store: SpeedViewStore): SpeedViewStore {
  const problem = { code: 'STORE_UNAVAILABLE', message: 'It is away.', where: 'speed store', action: 'Wait.' } as const
  return { ...store, read: () => Promise.reject(new TidemarkError([problem])), heartbeats: () => Promise.reject(new TidemarkError([problem])) }
}

const ascending = (a: number, b: number): number => a - b
