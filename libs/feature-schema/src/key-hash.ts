// The 64-bit hash of an entity key's bytes: the first eight bytes of their md5, big-endian. md5 because JavaScript, DuckDB and
// Spark all have it and agree on it, so that a bucket is the same number wherever it is computed.
import { hash } from 'node:crypto'

/** First 64 bits of the md5 of `bytes` (a string stands for its UTF-8 bytes), as an unsigned integer. */
export function hashKey(bytes: Uint8Array | string): bigint {
  // The one-shot hash, in hex, takes a fifth of the time of createHash or a digest in a Buffer: no object is made for it.
  return BigInt(`0x${hash('md5', bytes, 'hex').slice(0, 16)}`)
}
