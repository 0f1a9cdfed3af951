// A child process that writes to every store at once until it is killed, and prints each write once it is acknowledged: `create 17`.
import { bytesOf } from '@tidemark/ports/testing/store-cases'
import { contentOf, ENTITIES, PURGED_VIEW, QUEUE, VIEW } from './killed-writes.ts'
import { openStores } from './open-stores.ts'

const [folder, start] = [process.argv[2]!, Number(process.argv[3])]
const { objects, views, registers, jobs } = await openStores(folder)

/** Each gives back what it did, or null where it was refused. */
async function repeat(what: string, write: (i: number) => Promise<unknown>): Promise<never> {
  for (let i = start; ; i++) {
    const done = await write(i)
    if (done === null || done === false) throw new Error(`${what} ${i} was refused.`)
    process.stdout.write(`${what} ${typeof done === 'number' ? done : i}\n`)
  }
}

/** Completes some job, which a killed process may have left: which one. */
async function completeJob(): Promise<number> {
  const taken = await jobs.take(QUEUE, 1)
  await taken!.complete(taken!.data)
  return taken!.data as number
}

await Promise.all([
  repeat('create', (i) => objects.create(`o/${i % 7}/${i}`, bytesOf(contentOf(i)))),
  repeat('replace', async (i) => ((await objects.replace('replaced', (await objects.get('replaced'))?.etag ?? null, bytesOf(contentOf(i)))) === null ? null : i)),
  repeat('view', (i) => views.write(VIEW, i + 1, ENTITIES.map((entity) => ({ entity: bytesOf(entity), blob: bytesOf(contentOf(i)) })))),
  repeat('purge', async (i) => (await views.write(PURGED_VIEW, i + 1, [{ entity: bytesOf('a'), blob: bytesOf('void') }]), views.remove(PURGED_VIEW, i + 1, [bytesOf('a')]))),
  repeat('register', async (i) => ((await registers.compareAndSet('r', (await registers.read('r'))?.revision ?? null, bytesOf(contentOf(i)))) === null ? null : i)),
  repeat('job', async (i) => (await jobs.add({ queue: QUEUE, id: `job ${i}`, data: i }), completeJob())),
])
