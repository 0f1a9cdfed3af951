// A child process that takes a job under a long lease, says so, and holds it until it is killed.
import { openStores } from './open-stores.ts'

const [folder, queue] = [process.argv[2]!, process.argv[3]!]
await using stores = await openStores(folder)
const job = await stores.jobs.take(queue, 600_000)
process.stdout.write(`${job!.id}\n`)
process.stdin.resume()
await new Promise(() => undefined)
