// A process that relays a topic on a real Kafka until it is killed.
//
//   argv  JSON, `RelayChild`
//   out   a line for each step that relayed something

import { openKafkaConsumerGroups } from '@tidemark/adapter-kafka/kafka-consumer-groups'
import { openKafkaEventLog } from '@tidemark/adapter-kafka/kafka-event-log'
import type { KafkaOptions } from '@tidemark/adapter-kafka/kafka-options'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { createSystemClock } from '@tidemark/machine/system-clock'
import { relayGroupOf } from '@tidemark/pipelines/ingest/group-names'
import { keepRunning } from '@tidemark/pipelines/lambda/keep-running'
import { relayedTopicOf } from '@tidemark/pipelines/names'
import { createRelay } from '@tidemark/pipelines/relay/relay'
import { runRelay } from '@tidemark/pipelines/relay/run-relay'

export interface RelayChild {
  readonly source: SourceDefinition
  readonly options: KafkaOptions
  readonly member: string
}

const { source, options, member } = JSON.parse(process.argv[2]!) as RelayChild
const clock = createSystemClock()
const log = openKafkaEventLog(options)
const groups = openKafkaConsumerGroups({ ...options, sessionTimeoutMs: 1_500 })
const onAlarm = (alarm: unknown): void => console.error(JSON.stringify(alarm))
const membership = await groups.join(relayGroupOf(source), relayedTopicOf(source)!, member)
const relay = createRelay({ source, log, membership, clock, onAlarm, limits: { fetchCountMax: 20 } })
const signal = new AbortController().signal
await keepRunning(() => runRelay(relay, clock, signal, ({ recordCount }) => {
  if (recordCount > 0) console.log(recordCount)
}), clock, signal, onAlarm)
