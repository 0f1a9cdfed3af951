// What a process writes until it is killed, so that another one knows what must be there.

export const VIEW = 'view@1'
export const PURGED_VIEW = 'view@10'
export const QUEUE = 'queue'
export const ENTITIES: readonly string[] = ['a', 'b', 'x'.repeat(3_000)]

/** From some 10 to some 100,000 bytes, another one for each write. */
export function contentOf(i: number): string {
  return `content ${i} `.repeat(1 + ((i * 7_919) % 11) ** 4)
}
