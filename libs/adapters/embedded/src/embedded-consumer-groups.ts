// Consumer groups on LMDB. Database consumer-groups:  group | topic -> the group's members, JSON: { nextToken, members: [{ member, token, heartbeatMs }] }
//
// A member is heard of when it asks what it is assigned; that is written down only now and then, because each write is flushed.

import type { Clock } from '@tidemark/ports/clock'
import type { ConsumerGroups, EventLog } from '@tidemark/ports/event-log'
import { assignedTo, NO_MEMBERS, SESSION_TIMEOUT_DEFAULT_MS, withHeartbeat, withJoined, withoutMember, type GroupMembers } from '@tidemark/ports/group-members'
import type { EmbeddedEnvironment } from './embedded-environment.ts'
import type { Reader } from './embedded-reader.ts'
import { textKey } from './key-bytes.ts'

export interface EmbeddedConsumerGroupsOptions {
  readonly log: Pick<EventLog, 'partitionCount'>
  readonly clock: Clock
  readonly sessionTimeoutMs?: number
}

/** Heartbeats that fit into a session time-out. */
const HEARTBEATS_PER_SESSION = 4

export async function openEmbeddedConsumerGroups(environment: EmbeddedEnvironment, { log, clock, sessionTimeoutMs = SESSION_TIMEOUT_DEFAULT_MS }: EmbeddedConsumerGroupsOptions): Promise<ConsumerGroups> {
  const database = await environment.database('consumer-groups')

  function membersIn(reader: Reader, key: Uint8Array): GroupMembers {
    const stored = reader.get(database, key)
    return stored === null ? NO_MEMBERS : (JSON.parse(Buffer.from(stored).toString()) as GroupMembers)
  }

  /** Changes a group's members in one transaction; null: they stay as they are. */
  function change(key: Uint8Array, changed: (members: GroupMembers) => GroupMembers | null): Promise<GroupMembers | null> {
    return environment.write((writer) => {
      const members = changed(membersIn(writer, key))
      if (members !== null) writer.put(database, key, Buffer.from(JSON.stringify(members)))
      return members
    })
  }

  /** null: somebody has joined under the same name. */
  async function heardOf(key: Uint8Array, member: string, token: number, nowMs: number): Promise<GroupMembers | null> {
    const members = environment.read((reader) => membersIn(reader, key))
    const own = members.members.find((other) => other.member === member)
    const isFresh = own?.token === token && Math.abs(nowMs - own.heartbeatMs) < sessionTimeoutMs / HEARTBEATS_PER_SESSION
    return isFresh ? members : change(key, (current) => withHeartbeat(current, member, token, nowMs))
  }

  return {
    async join(group, topic, member) {
      await log.partitionCount(topic)
      const key = Buffer.concat([textKey(group), textKey(topic)])
      const joined = await change(key, (members) => withJoined(members, member, clock.nowMs(), sessionTimeoutMs))
      const token = joined!.nextToken - 1
      let hasLeft = false
      return {
        async assigned() {
          if (hasLeft) return []
          const partitionCount = await log.partitionCount(topic)
          const nowMs = clock.nowMs()
          const members = await heardOf(key, member, token, nowMs)
          return members === null ? [] : assignedTo(members, member, partitionCount, nowMs, sessionTimeoutMs)
        },
        async [Symbol.asyncDispose]() {
          if (hasLeft) return
          hasLeft = true
          await change(key, (members) => withoutMember(members, member, token))
        },
      }
    },
  }
}
