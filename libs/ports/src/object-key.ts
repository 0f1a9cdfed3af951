// What an object's key may be: what every store can keep, a file system too. A key that is not is a bug of whoever made it.

export const OBJECT_KEY_SIZE_MAX_BYTES = 900
export const OBJECT_KEY_SEGMENT_SIZE_MAX_BYTES = 200

const segment = /^[A-Za-z0-9._=-]+$/
const start = /^(?:[A-Za-z0-9._=-]+\/)*[A-Za-z0-9._=-]*$/

/** Throws a plain error unless the key is segments of [A-Za-z0-9._=-] with `/` between, none of them `.` or `..`. */
export function assertObjectKey(key: string): void {
  if (key.length > OBJECT_KEY_SIZE_MAX_BYTES) throw new Error(`The key ${key} has ${key.length} bytes, at most ${OBJECT_KEY_SIZE_MAX_BYTES}.`)
  for (const part of key.split('/')) {
    if (!segment.test(part) || part === '.' || part === '..' || part.length > OBJECT_KEY_SEGMENT_SIZE_MAX_BYTES) {
      throw new Error(`${JSON.stringify(key)} is no object key: ${JSON.stringify(part)} is no segment.`)
    }
  }
}

/** Throws a plain error unless some key could start so; the last segment may be cut anywhere, and be empty. */
export function assertObjectPrefix(prefix: string): void {
  const folders = prefix.split('/').slice(0, -1)
  if (!start.test(prefix) || folders.includes('.') || folders.includes('..')) throw new Error(`No object key starts with ${JSON.stringify(prefix)}.`)
}
