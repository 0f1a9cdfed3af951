// A child process that appends so many batches to partition 0 of topic t, and prints where each of them begins.
import { openEmbeddedEnvironment } from '../embedded-environment.ts'
import { openEmbeddedEventLog } from '../embedded-event-log.ts'
import { realClock } from './real-clock.ts'

const IN_FLIGHT = 4

const [folder, name, batchCount] = process.argv.slice(2)
await using environment = await openEmbeddedEnvironment({ folder: folder!, durability: 'process', verify: false })
await using log = await openEmbeddedEventLog(environment, { clock: realClock })
let next = 0
await Promise.all(
  Array.from({ length: IN_FLIGHT }, async () => {
    for (let i = next++; i < Number(batchCount); i = next++) {
      const records = Array.from({ length: 1 + (i % 7) }, (_, j) => ({ key: null, value: Buffer.from(`${name} ${i}.${j}`) }))
      const [appended] = await log.append([{ topic: 't', partition: 0, records }])
      process.stdout.write(`${name} ${i} ${appended!.firstOffset}\n`)
    }
  }),
)
