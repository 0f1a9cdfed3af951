// The 64-bit hash of a value's text: the first 64 bits, big-endian, of the md5 of its UTF-8 bytes. DuckDB and Spark can compute
// the same one (law 1). md5 is here for that agreement and its even spread, not for secrecy.
// A text of up to 55 bytes is one md5 block, which is cheaper to compute here than to hand to node:crypto.

import { hash } from 'node:crypto'

/** A 64-bit hash as two unsigned halves. One is filled again and again where allocation would cost more than the hash. */
export interface Hash64 {
  high: number
  low: number
}

/** Bytes of one md5 block that are left for the text: 64 less the end mark and the 64-bit length. */
const ONE_BLOCK_TEXT_BYTES = 55

/** floor(2^32 * |sin(i + 1)|), in radians (RFC 1321, 3.4). Spelled out so that no engine's sine decides. */
const SINES = new Int32Array([
  0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
  0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
  0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
  0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
  0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
  0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
  0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
  0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
])

const words = new Int32Array(16)
const utf8 = new Uint8Array(ONE_BLOCK_TEXT_BYTES + 1)
const encoder = new TextEncoder()

/** Fills `out` with the hash of the text. */
export function hashTextInto(text: string, out: Hash64): void {
  if (text.length <= ONE_BLOCK_TEXT_BYTES && (loadAscii(text) || loadUtf8(text))) {
    digestBlock(out)
    return
  }
  const digest = hash('md5', text, 'buffer')
  out.high = digest.readUInt32BE(0)
  out.low = digest.readUInt32BE(4)
}

/** Lays the text out as one padded block; false when it is not ASCII. */
function loadAscii(text: string): boolean {
  const length = text.length
  words.fill(0)
  let seen = 0
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i)
    seen |= unit
    words[i >> 2]! |= unit << ((i & 3) << 3)
  }
  if (seen > 0x7f) return false
  endBlock(length)
  return true
}

/** The same for any text; false when its bytes are too many for one block. */
function loadUtf8(text: string): boolean {
  const { read, written } = encoder.encodeInto(text, utf8)
  if (read < text.length || written > ONE_BLOCK_TEXT_BYTES) return false
  words.fill(0)
  for (let i = 0; i < written; i++) words[i >> 2]! |= utf8[i]! << ((i & 3) << 3)
  endBlock(written)
  return true
}

function endBlock(textBytes: number): void {
  words[textBytes >> 2]! |= 0x80 << ((textBytes & 3) << 3)
  words[14] = textBytes << 3
}

/** The block function of RFC 1321 over `words`; each loop is one of its rounds, four steps at a time. */
function digestBlock(out: Hash64): void {
  let a = 0x67452301
  let b = 0xefcdab89 | 0
  let c = 0x98badcfe | 0
  let d = 0x10325476
  let t = 0
  for (let i = 0; i < 16; i += 4) {
    t = (a + ((b & c) | (~b & d)) + words[i]! + SINES[i]!) | 0
    a = (b + ((t << 7) | (t >>> 25))) | 0
    t = (d + ((a & b) | (~a & c)) + words[i + 1]! + SINES[i + 1]!) | 0
    d = (a + ((t << 12) | (t >>> 20))) | 0
    t = (c + ((d & a) | (~d & b)) + words[i + 2]! + SINES[i + 2]!) | 0
    c = (d + ((t << 17) | (t >>> 15))) | 0
    t = (b + ((c & d) | (~c & a)) + words[i + 3]! + SINES[i + 3]!) | 0
    b = (c + ((t << 22) | (t >>> 10))) | 0
  }
  for (let i = 16; i < 32; i += 4) {
    t = (a + ((b & d) | (c & ~d)) + words[(5 * i + 1) & 15]! + SINES[i]!) | 0
    a = (b + ((t << 5) | (t >>> 27))) | 0
    t = (d + ((a & c) | (b & ~c)) + words[(5 * i + 6) & 15]! + SINES[i + 1]!) | 0
    d = (a + ((t << 9) | (t >>> 23))) | 0
    t = (c + ((d & b) | (a & ~b)) + words[(5 * i + 11) & 15]! + SINES[i + 2]!) | 0
    c = (d + ((t << 14) | (t >>> 18))) | 0
    t = (b + ((c & a) | (d & ~a)) + words[(5 * i) & 15]! + SINES[i + 3]!) | 0
    b = (c + ((t << 20) | (t >>> 12))) | 0
  }
  for (let i = 32; i < 48; i += 4) {
    t = (a + (b ^ c ^ d) + words[(3 * i + 5) & 15]! + SINES[i]!) | 0
    a = (b + ((t << 4) | (t >>> 28))) | 0
    t = (d + (a ^ b ^ c) + words[(3 * i + 8) & 15]! + SINES[i + 1]!) | 0
    d = (a + ((t << 11) | (t >>> 21))) | 0
    t = (c + (d ^ a ^ b) + words[(3 * i + 11) & 15]! + SINES[i + 2]!) | 0
    c = (d + ((t << 16) | (t >>> 16))) | 0
    t = (b + (c ^ d ^ a) + words[(3 * i + 14) & 15]! + SINES[i + 3]!) | 0
    b = (c + ((t << 23) | (t >>> 9))) | 0
  }
  for (let i = 48; i < 64; i += 4) {
    t = (a + (c ^ (b | ~d)) + words[(7 * i) & 15]! + SINES[i]!) | 0
    a = (b + ((t << 6) | (t >>> 26))) | 0
    t = (d + (b ^ (a | ~c)) + words[(7 * i + 7) & 15]! + SINES[i + 1]!) | 0
    d = (a + ((t << 10) | (t >>> 22))) | 0
    t = (c + (a ^ (d | ~b)) + words[(7 * i + 14) & 15]! + SINES[i + 2]!) | 0
    c = (d + ((t << 15) | (t >>> 17))) | 0
    t = (b + (d ^ (c | ~a)) + words[(7 * i + 5) & 15]! + SINES[i + 3]!) | 0
    b = (c + ((t << 21) | (t >>> 11))) | 0
  }
  out.high = swapBytes((a + 0x67452301) | 0)
  out.low = swapBytes((b + 0xefcdab89) | 0)
}

/** The digest is written little-endian and read big-endian. */
function swapBytes(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0
}
