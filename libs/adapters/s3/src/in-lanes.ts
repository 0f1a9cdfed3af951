// Numbered pieces of work, some at once.

/** Does pieces 0 to count - 1, at most `laneCount` at once; after a failure no further one is begun, and it is thrown once none is at work. */
export async function inLanes(count: number, laneCount: number, work: (piece: number) => Promise<void>): Promise<void> {
  let next = 0
  const workInTurn = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  const lanes = await Promise.allSettled(Array.from({ length: laneCount }, () => workInTurn().catch((error: unknown) => {
    next = count
    throw error
  })))
  for (const lane of lanes) if (lane.status === 'rejected') throw lane.reason
}
