// The log on Kafka under the suite of its port.
import { jest } from '@jest/globals'
import { eventLogContract } from '@tidemark/ports/event-log.contract'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { kafkaLogHarness } from './testing/kafka-clients.ts'

jest.setTimeout(120_000)

eventLogContract('kafka', async () => kafkaLogHarness((await sharedServers('kafka')).kafka.brokers))
