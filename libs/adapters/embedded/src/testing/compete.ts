// A child process that competes with others: after a line on its standard input it adds to a register and to an object by
// compare-and-set, tries to create what the others try to create, and takes jobs. Prints what it won.
import { once } from 'node:events'
import { bytesOf, textOf } from '@tidemark/ports/testing/store-cases'
import { openStores } from './open-stores.ts'

export interface Won {
  readonly created: readonly string[]
  readonly jobs: readonly string[]
}

const [folder, name, count] = [process.argv[2]!, process.argv[3]!, Number(process.argv[4])]
await using stores = await openStores(folder)
const { objects, registers, jobs } = stores
process.stdout.write('ready\n')
await once(process.stdin, 'data')

async function addToRegister(): Promise<void> {
  for (;;) {
    const found = await registers.read('sum')
    const sum = found === null ? 0 : Number(textOf(found.bytes))
    if ((await registers.compareAndSet('sum', found?.revision ?? null, bytesOf(String(sum + 1)))) !== null) return
  }
}

async function addToObject(): Promise<void> {
  for (;;) {
    const found = await objects.get('sum')
    const sum = found === null ? 0 : Number(textOf(found.bytes))
    if ((await objects.replace('sum', found?.etag ?? null, bytesOf(String(sum + 1)))) !== null) return
  }
}

const won = { created: [] as string[], jobs: [] as string[] }
for (let i = 0; i < count; i++) {
  if (await objects.create(`raced/${i}`, bytesOf(name))) won.created.push(`raced/${i}`)
  await addToRegister()
  await addToObject()
  const job = await jobs.take('raced', 60_000)
  if (job !== null && (await job.complete(name))) won.jobs.push(job.id)
}
process.stdout.write(`${JSON.stringify(won satisfies Won)}\n`)
process.stdin.destroy()
