// Work on many things, some of them at once.

/** Begins nothing more after an error; nothing is at work any more when it ends, with the first error. */
export async function inTurns<T>(items: readonly T[], atOnceMax: number, work: (item: T) => Promise<unknown>): Promise<void> {
  const left = items.values()
  const errors: unknown[] = []
  const workOn = async (): Promise<void> => {
    for (const item of left) {
      if (errors.length > 0) return
      try {
        await work(item)
      } catch (error) {
        errors.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(items.length, atOnceMax) }, workOn))
  if (errors.length > 0) throw errors[0]
}
