// Whether a server answers its own protocol: one question each, on one connection, with a deadline. By hand and not through the
// clients of the adapters, because those retry, pool and wait on their own.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { LOOPBACK } from './ports.ts'

/** Where it speaks as Confluent's registry does. */
export const SCHEMA_REGISTRY_PATH = '/apis/ccompat/v7'

/** The longest that one question may take; a paused server accepts and never answers. */
export const PROBE_LIMIT_MS = 2_000

export interface Credentials {
  readonly username: string
  readonly password: string
}

/** Asks a broker for metadata: it answers once it has registered itself and a controller leads. */
export function probeKafka(port: number): Promise<void> {
  return withConnection(port, async (connection) => {
    connection.write(kafkaMetadataRequest)
    const response = await connection.read((await connection.read(4)).readInt32BE())
    // v5: correlation int32, throttle int32, brokers int32, each { id int32, host string, port int32, rack string? }, cluster string?, controller int32
    const brokerCount = response.readInt32BE(8)
    if (brokerCount < 1) throw new Error('it has not registered itself yet')
    let at = 12
    const skipString = (): void => void (at += 2 + Math.max(0, response.readInt16BE(at)))
    for (let broker = 0; broker < brokerCount; broker++) {
      at += 4
      skipString()
      at += 4
      skipString()
    }
    skipString()
    if (response.readInt32BE(at) < 0) throw new Error('no controller leads yet')
  })
}

/** Kafka's framing: length int32, key int16 (3 = Metadata), version int16, correlation int32, client string, topics int32, create bool. */
const kafkaMetadataRequest = (() => {
  const client = Buffer.from('tidemark-servers')
  const request = Buffer.alloc(4 + 8 + 2 + client.length + 4 + 1)
  let at = request.writeInt32BE(request.length - 4)
  at = request.writeInt16BE(3, at)
  at = request.writeInt16BE(5, at)
  at = request.writeInt32BE(1, at)
  at = request.writeInt16BE(client.length, at)
  at += client.copy(request, at)
  request.writeInt32BE(0, at)
  return request
})()

const CQL = { error: 0x00, startup: 0x01, ready: 0x02, authenticate: 0x03, authResponse: 0x0f, authSuccess: 0x10 } as const
const CQL_VERSION_4 = 0x04

/** Shakes hands in CQL's native protocol, and logs in where the server asks for it. */
export function probeCassandra(port: number, { username, password }: Credentials): Promise<void> {
  return withConnection(port, async (connection) => {
    const ask = async (opcode: number, body: Buffer): Promise<number> => {
      // version, flags, stream int16, opcode, length int32; answers have the same header
      const header = Buffer.from([CQL_VERSION_4, 0, 0, 0, opcode, 0, 0, 0, 0])
      header.writeInt32BE(body.length, 5)
      connection.write(Buffer.concat([header, body]))
      const answer = await connection.read(header.length)
      const text = await connection.read(answer.readInt32BE(5))
      if (answer[4] === CQL.error) throw new Error(`it says ${text.subarray(6).toString('utf8')}`)
      return answer[4]!
    }
    const text = (value: string): Buffer => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)])
    const hello = await ask(CQL.startup, Buffer.concat([Buffer.from([0, 1]), text('CQL_VERSION'), text('3.0.0')]))
    if (hello === CQL.ready) return
    const token = Buffer.from(`\0${username}\0${password}`)
    const length = Buffer.alloc(4)
    length.writeInt32BE(token.length)
    if (hello !== CQL.authenticate || (await ask(CQL.authResponse, Buffer.concat([length, token]))) !== CQL.authSuccess) {
      throw new Error('it did not let us in')
    }
  })
}

/** MinIO says that it would serve requests now. */
export async function probeS3(port: number): Promise<void> {
  const response = await fetch(`http://${LOOPBACK}:${port}/minio/health/ready`, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) })
  await response.arrayBuffer()
  if (!response.ok) throw new Error(`it says ${response.status}`)
}

/** Says which kinds of schemas it has. */
export async function probeSchemaRegistry(port: number): Promise<void> {
  const response = await fetch(`http://${LOOPBACK}:${port}${SCHEMA_REGISTRY_PATH}/schemas/types`, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) })
  await response.arrayBuffer()
  if (!response.ok) throw new Error(`it says ${response.status}`)
}

/** PING; a server that still loads its data says so instead of PONG. */
export async function probeRedis(port: number): Promise<void> {
  await askRedis(port, 'PING')
}

/** Sends one inline command to Redis and gives back its simple or bulk reply. */
export function askRedis(port: number, command: string): Promise<string> {
  return withConnection(port, async (connection) => {
    connection.write(Buffer.from(`${command}\r\n`))
    const line = await connection.readLine()
    if (line.startsWith('-')) throw new Error(`it says ${line.slice(1)}`)
    return line.startsWith('$') ? (await connection.read(Number(line.slice(1)))).toString('utf8') : line.slice(1)
  })
}

class Connection {
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  async read(byteCount: number): Promise<Buffer> {
    if (byteCount === 0) return Buffer.alloc(0)
    for (;;) {
      const bytes = this.#socket.read(byteCount) as Buffer | null
      if (bytes !== null && bytes.length === byteCount) return bytes
      if (bytes !== null || this.#socket.readableEnded || this.#socket.destroyed) throw new Error('it ended the connection')
      await Promise.race([once(this.#socket, 'readable'), once(this.#socket, 'close')])
    }
  }

  /** Up to, and without, the next CR LF. */
  async readLine(): Promise<string> {
    let line = ''
    while (!line.endsWith('\r\n')) line += (await this.read(1)).toString('latin1')
    return line.slice(0, -2)
  }
}

async function withConnection<T>(port: number, talk: (connection: Connection) => Promise<T>): Promise<T> {
  const socket = connect({ host: LOOPBACK, port })
  const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${PROBE_LIMIT_MS} ms`)), PROBE_LIMIT_MS)
  try {
    await once(socket, 'connect')
    return await talk(new Connection(socket))
  } finally {
    clearTimeout(timer)
    // What went wrong after the answer interests nobody.
    socket.on('error', () => undefined).destroy()
  }
}
