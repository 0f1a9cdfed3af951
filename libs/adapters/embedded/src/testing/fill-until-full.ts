// A child process that writes until the disk is full, and says how many writes were acknowledged and what the first refused one was told.
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { openEmbeddedEnvironment } from '../embedded-environment.ts'

const WRITES_MAX = 10_000

await using environment = await openEmbeddedEnvironment({ folder: process.argv[2]!, verify: false })
const database = await environment.database('things')
let acknowledged = 0
let code: string | null = null
while (code === null && acknowledged < WRITES_MAX) {
  try {
    await environment.write((writer) => writer.put(database, Buffer.from(`full ${String(acknowledged).padStart(6, '0')}`), new Uint8Array(20_000)))
    acknowledged++
  } catch (error) {
    code = error instanceof TidemarkError ? error.code : String(error)
  }
}
const isReadable = environment.read(({ get }) => get(database, Buffer.from('full 000000')))?.length === 20_000
process.stdout.write(`${JSON.stringify({ acknowledged, code, isReadable })}\n`)
