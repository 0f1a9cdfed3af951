// Ports that say what is about to be done, and what is done: the moments at which a process can be killed on purpose.

import { pointerName } from '@tidemark/pipelines/pointer'
import type { LambdaPorts } from '@tidemark/pipelines/lambda/lambda-ports'

/** What a call of a port is for. */
export const CALL_NAMES = [
  'append', 'dead-letter', 'fold', 'sweep', 'seal', 'archive', 'manifest', 'stage', 'write-set', 'load', 'purge', 'publish', 'clean-up', 'take-job', 'end-job',
] as const
export type CallName = (typeof CALL_NAMES)[number]

export type OnCall = (name: CallName, when: 'before' | 'after') => void

export function watchPorts<P extends LambdaPorts>(ports: P, onCall: OnCall): P {
  const watched = async <T>(name: CallName | null, call: () => Promise<T>): Promise<T> => {
    if (name !== null) onCall(name, 'before')
    const result = await call()
    if (name !== null) onCall(name, 'after')
    return result
  }
  const { log, registers, objects, speedViews, batchViews, jobs } = ports
  return {
    ...ports,
    log: {
      ...log,
      append: (appends) => watched('append', () => log.append(appends)),
      appendAndCommit: (appends, position, expected) => watched(appends.length > 0 ? 'dead-letter' : null, () => log.appendAndCommit(appends, position, expected)),
    },
    registers: { ...registers, compareAndSet: (name, expected, bytes) => watched(registerCall(name), () => registers.compareAndSet(name, expected, bytes)) },
    objects: {
      ...objects,
      create: (key, bytes) => watched(objectCall(key), () => objects.create(key, bytes)),
      remove: (key) => watched('clean-up', () => objects.remove(key)),
    },
    speedViews: {
      ...speedViews,
      write: (bucket, write) => watched(write.put.chunks.length > 0 ? 'fold' : null, () => speedViews.write(bucket, write)),
      remove: (bucket, entity, revisions) => watched('sweep', () => speedViews.remove(bucket, entity, revisions)),
    },
    batchViews: {
      ...batchViews,
      write: (view, generation, rows) => watched('load', () => batchViews.write(view, generation, rows)),
      remove: (view, generation, entities) => watched('purge', () => batchViews.remove(view, generation, entities)),
    },
    jobs: {
      ...jobs,
      async take(queue, leaseMs) {
        const job = await watched('take-job', () => jobs.take(queue, leaseMs))
        return job && { ...job, complete: (result) => watched('end-job', () => job.complete(result)) }
      },
    },
  }
}

function registerCall(name: string): CallName | null {
  if (name.startsWith(pointerName(''))) return 'publish'
  return name.startsWith('seal/') ? 'seal' : null
}

function objectCall(key: string): CallName {
  if (key.endsWith('/write-set.json')) return 'write-set'
  if (key.startsWith('views/')) return 'stage'
  return key.includes('/manifests/') ? 'manifest' : 'archive'
}
