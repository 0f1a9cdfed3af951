// A cluster of one broker that answers each request as a suite says: what a real one does only where it is cut off at a certain moment.

import type { Connection } from '@platformatic/kafka'
import { KafkaCluster } from '../kafka-cluster.ts'

/** Of a request's kind, by the protocol's number: what it is answered with. What it throws is the error; a promise that stays open is no answer. */
export type Answer = (api: number) => unknown

export const API = { produce: 0, fetch: 1, initProducerId: 22, endTransaction: 26, describeTransactions: 65 } as const

/** Of each topic. */
export const TOPIC_ID = 'an id'

type Callback = (error: Error | null, response?: unknown) => void

export function scriptedCluster(answer: Answer, options: { readonly callTimeoutMs: number }): KafkaCluster {
  const cluster = new KafkaCluster({ brokers: ['127.0.0.1:1'], clientId: 'scripted', ...options })
  const send = (api: number, ...asked: readonly unknown[]): void => {
    const callback = asked.at(-1) as Callback
    Promise.resolve().then(() => answer(api)).then((response) => callback(null, response), (error: Error) => callback(error))
  }
  const connection = Promise.resolve({ send } as unknown as Connection)
  return Object.assign(cluster, {
    anyBroker: () => connection, node: () => connection, coordinator: () => connection,
    leaderOf: () => Promise.resolve({ leader: 1, topicId: TOPIC_ID }),
  })
}
