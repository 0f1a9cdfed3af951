// Consumer groups in memory. A member is heard of whenever it asks what it is assigned.

import type { Clock } from '@tidemark/ports/clock'
import type { ConsumerGroups, EventLog } from '@tidemark/ports/event-log'
import { assignedTo, NO_MEMBERS, SESSION_TIMEOUT_DEFAULT_MS, withHeartbeat, withJoined, withoutMember, type GroupMembers } from '@tidemark/ports/group-members'

export interface MemoryConsumerGroupsOptions {
  readonly log: Pick<EventLog, 'partitionCount'>
  readonly clock: Clock
  readonly sessionTimeoutMs?: number
}

export function createMemoryConsumerGroups({ log, clock, sessionTimeoutMs = SESSION_TIMEOUT_DEFAULT_MS }: MemoryConsumerGroupsOptions): ConsumerGroups {
  const groups = new Map<string, GroupMembers>()
  return {
    async join(group, topic, member) {
      await log.partitionCount(topic)
      const key = JSON.stringify([group, topic])
      const before = groups.get(key) ?? NO_MEMBERS
      const token = before.nextToken
      groups.set(key, withJoined(before, member, clock.nowMs(), sessionTimeoutMs))
      let hasLeft = false
      return {
        async assigned() {
          const partitionCount = await log.partitionCount(topic)
          const nowMs = clock.nowMs()
          const now = hasLeft ? null : withHeartbeat(groups.get(key)!, member, token, nowMs)
          if (now === null) return []
          groups.set(key, now)
          return assignedTo(now, member, partitionCount, nowMs, sessionTimeoutMs)
        },
        async [Symbol.asyncDispose]() {
          hasLeft = true
          groups.set(key, withoutMember(groups.get(key)!, member, token))
        },
      }
    },
  }
}
