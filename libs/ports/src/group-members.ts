// Who reads what in a consumer group: pure functions over the group's members, which each adapter keeps in its own way. A member is alive as
// long as it was heard of within the session time-out; the living share the partitions evenly, by the order of their names.

/** A member is silent for this long, and its partitions are given to others. */
export const SESSION_TIMEOUT_DEFAULT_MS = 10_000

export interface GroupMember {
  readonly member: string
  /** Of its last join: who joined earlier under the same name has been replaced. */
  readonly token: number
  readonly heartbeatMs: number
}

export interface GroupMembers {
  /** Never given away before, in the life of the group. */
  readonly nextToken: number
  readonly members: readonly GroupMember[]
}

export const NO_MEMBERS: GroupMembers = { nextToken: 1, members: [] }

/** The group with the member in it, under `group.nextToken`, and without those that are long silent. */
export function withJoined({ nextToken, members }: GroupMembers, member: string, nowMs: number, sessionTimeoutMs: number): GroupMembers {
  const others = members.filter((other) => other.member !== member && isAlive(other, nowMs, sessionTimeoutMs))
  return { nextToken: nextToken + 1, members: [...others, { member, token: nextToken, heartbeatMs: nowMs }] }
}

/** The group as it is once the member was heard of; null: another one has joined in its name. A member that was given up is back. */
export function withHeartbeat(group: GroupMembers, member: string, token: number, nowMs: number): GroupMembers | null {
  const known = group.members.find((other) => other.member === member)
  if (known !== undefined && known.token !== token) return null
  return { ...group, members: [...group.members.filter((other) => other !== known), { member, token, heartbeatMs: nowMs }] }
}

/** The group without the member, if nobody has joined in its name. */
export function withoutMember(group: GroupMembers, member: string, token: number): GroupMembers {
  return { ...group, members: group.members.filter((other) => other.member !== member || other.token !== token) }
}

/** A heartbeat of a later time than now by more than the time-out is from before the clock was set back, and says nothing. */
export function isAlive({ heartbeatMs }: GroupMember, nowMs: number, sessionTimeoutMs: number): boolean {
  return Math.abs(nowMs - heartbeatMs) <= sessionTimeoutMs
}

/** The partitions of a member, ascending: of n living members, each has every n-th one. */
export function assignedTo({ members }: GroupMembers, member: string, partitionCount: number, nowMs: number, sessionTimeoutMs: number): number[] {
  const living = members.filter((other) => isAlive(other, nowMs, sessionTimeoutMs)).map((other) => other.member).sort()
  const rank = living.indexOf(member)
  const assigned: number[] = []
  for (let partition = rank; rank >= 0 && partition < partitionCount; partition += living.length) assigned.push(partition)
  return assigned
}
