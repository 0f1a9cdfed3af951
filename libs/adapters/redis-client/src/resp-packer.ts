// Commands as the server reads them, written into one buffer straight from what their arguments are made of: the client makes a buffer and three
// pieces of text for each argument, which for a read of fifty entities is most of what it costs.
//
//   *COUNT\r\n                                     name and arguments together
//   $LENGTH\r\n BYTES \r\n                         the name, and each argument; LENGTH and COUNT in decimal

/** Takes the arguments of a command, in their order. */
export interface ArgumentSink {
  /** In UTF-8. */
  text(text: string): void
  bytes(bytes: Uint8Array): void
  /** One argument of both. */
  joined(prefix: Uint8Array, bytes: Uint8Array): void
}

/** The bytes of a command. `fill` gives its arguments, and packs nothing else meanwhile. */
export function packCommand(name: string, fill: (to: ArgumentSink) => void): Buffer {
  packer.begin()
  packer.text(name)
  fill(packer)
  return packer.finish()
}

const [DOLLAR, CR, LF, ZERO] = [...Buffer.from('$\r\n0')] as [number, number, number, number]
/** `*`, the digits of a count and its line end; `$`, those of a length and two line ends. */
const FRAME_SIZE_MAX_BYTES = 20
const SCRATCH_FIRST_BYTES = 16_384
/** A larger scratch buffer is not kept for the next command. */
const SCRATCH_KEPT_MAX_BYTES = 1_048_576
/** Up to here a loop is done before a call of the runtime's own copying has begun. */
const LOOPED_MAX_BYTES = 48

class RespPacker implements ArgumentSink {
  private scratch = Buffer.allocUnsafeSlow(SCRATCH_FIRST_BYTES)
  /** Where the next argument begins. Before the first one there is room for the count, which is known at the end. */
  private at = FRAME_SIZE_MAX_BYTES
  private argumentCount = 0

  begin(): void {
    this.at = FRAME_SIZE_MAX_BYTES
    this.argumentCount = 0
  }

  text(text: string): void {
    const { length } = text
    if (length > LOOPED_MAX_BYTES || !isAscii(text)) return this.bytes(Buffer.from(text))
    const at = this.openArgument(length)
    for (let i = 0; i < length; i++) this.scratch[at + i] = text.charCodeAt(i)
    this.closeArgument(at + length)
  }

  bytes(bytes: Uint8Array): void {
    const at = this.openArgument(bytes.length)
    this.closeArgument(put(this.scratch, at, bytes))
  }

  joined(prefix: Uint8Array, bytes: Uint8Array): void {
    const at = this.openArgument(prefix.length + bytes.length)
    this.closeArgument(put(this.scratch, put(this.scratch, at, prefix), bytes))
  }

  /** A copy, so that the next command may use the scratch buffer while this one waits to be sent. */
  finish(): Buffer {
    const head = `*${this.argumentCount}\r\n`
    const start = FRAME_SIZE_MAX_BYTES - head.length
    this.scratch.write(head, start, 'latin1')
    const packed = Buffer.allocUnsafe(this.at - start)
    this.scratch.copy(packed, 0, start, this.at)
    if (this.scratch.length > SCRATCH_KEPT_MAX_BYTES) this.scratch = Buffer.allocUnsafeSlow(SCRATCH_FIRST_BYTES)
    return packed
  }

  /** Where its bytes begin. */
  private openArgument(sizeBytes: number): number {
    if (this.scratch.length - this.at < sizeBytes + FRAME_SIZE_MAX_BYTES) this.grow(sizeBytes + FRAME_SIZE_MAX_BYTES)
    this.argumentCount++
    const { scratch } = this
    scratch[this.at] = DOLLAR
    return putLineEnd(scratch, putDecimal(scratch, this.at + 1, sizeBytes))
  }

  private closeArgument(end: number): void {
    this.at = putLineEnd(this.scratch, end)
  }

  private grow(sizeBytes: number): void {
    const larger = Buffer.allocUnsafeSlow(2 * this.scratch.length + sizeBytes)
    this.scratch.copy(larger, 0, 0, this.at)
    this.scratch = larger
  }
}

// These put something at a place, and give the place after it.

function put(to: Buffer, at: number, bytes: Uint8Array): number {
  const { length } = bytes
  if (length > LOOPED_MAX_BYTES) to.set(bytes, at)
  else for (let i = 0; i < length; i++) to[at + i] = bytes[i]!
  return at + length
}

function putDecimal(to: Buffer, at: number, value: number): number {
  if (value < 10) {
    to[at] = ZERO + value
    return at + 1
  }
  const quotient = Math.trunc(value / 10)
  const next = putDecimal(to, at, quotient)
  to[next] = ZERO + (value - 10 * quotient)
  return next + 1
}

function putLineEnd(to: Buffer, at: number): number {
  to[at] = CR
  to[at + 1] = LF
  return at + 2
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

const packer = new RespPacker()
