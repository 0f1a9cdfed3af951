// A child process that writes to log and speed view until it is killed, and prints a line for everything that was acknowledged:
//
//   append I    the records I.0 to I.4 were appended to topic a and the record I to topic b, and I + 1 was committed, all in one
//   write I     fence 0, chunk 0 of one entity and chunk 1 of another one have revision I, in bucket I % BUCKETS
import { writeSync } from 'node:fs'
import type { Revision } from '@tidemark/ports/revision'
import { openEmbeddedEnvironment } from '../embedded-environment.ts'
import { openEmbeddedEventLog } from '../embedded-event-log.ts'
import { openEmbeddedSpeedViewStore } from '../embedded-speed-view-store.ts'
import { realClock } from './real-clock.ts'

const IN_FLIGHT = 8

const [folder, first] = process.argv.slice(2)
const environment = await openEmbeddedEnvironment({ folder: folder!, verify: false })
const log = await openEmbeddedEventLog(environment, { clock: realClock })
const store = await openEmbeddedSpeedViewStore(environment)
for (const topic of ['a', 'b']) await log.ensureTopic(topic, 1)

let next = Number(first)

const recordOf = (text: string): { key: null; value: Buffer } => ({ key: null, value: Buffer.from(text) })

async function append(): Promise<void> {
  for (let i = next++; ; i = next++) {
    const records = [0, 1, 2, 3, 4].map((j) => recordOf(`${i}.${j}`))
    const position = { group: 'g', topic: 'a', partition: 0 }
    const expected = await log.committed('g', 'a', 0)
    const appended = await log.appendAndCommit([{ topic: 'a', partition: 0, records }, { topic: 'b', partition: 0, records: [recordOf(`${i}`)] }], { ...position, offset: i + 1 }, expected)
    if (appended !== null) writeSync(1, `append ${i}\n`)
  }
}

async function write(bucket: number): Promise<void> {
  for (let i = Number(first) + bucket; ; i += IN_FLIGHT) {
    const stored = { revision: i as Revision, bytes: Buffer.alloc(300, i % 256) }
    const chunks = [{ entity: Buffer.from('one'), chunk: 0, stored }, { entity: Buffer.from('two'), chunk: 1, stored }]
    await store.write({ view: 'v@1', bucket }, { expected: { fences: [], chunks: [] }, put: { fences: [{ partition: 0, bytes: Buffer.from(`${i}`) }], chunks } })
    writeSync(1, `write ${i}\n`)
  }
}

await Promise.all([append(), append(), ...Array.from({ length: IN_FLIGHT }, (_, bucket) => write(bucket))])
