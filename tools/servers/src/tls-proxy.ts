// TLS before a server that has none itself: what is in between decrypts and passes on, as a gateway does. Its certificate is signed by nobody but
// itself, for 127.0.0.1.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { LOOPBACK } from './ports.ts'

export interface TlsProxy extends AsyncDisposable {
  /** HOST:PORT. */
  readonly address: string
  /** PEM: whom to trust. */
  readonly certificate: string
}

/** Bytes of the server's answers, as they are to be passed on from this port. */
export type AlterAnswer = (bytes: Buffer, port: number) => Buffer

/** Before the server at HOST:PORT. */
export async function startTlsProxy(target: string, alter: AlterAnswer = (bytes) => bytes): Promise<TlsProxy> {
  const [host, port] = target.split(':') as [string, string]
  const { key, certificate } = makeCertificate()
  const sockets = new Set<Socket>()
  const server = createServer({ key, cert: certificate }, (socket) => {
    const upstream = connect(Number(port), host)
    for (const each of [socket, upstream]) {
      sockets.add(each)
      each.on('error', () => void (socket.destroy(), upstream.destroy()))
      each.on('close', () => void (socket.destroy(), upstream.destroy(), sockets.delete(each)))
    }
    socket.pipe(upstream)
    upstream.on('data', (bytes: Buffer) => socket.write(alter(bytes, ownPort)))
  })
  // Of who does not trust it, or speaks no TLS.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve))
  const { port: ownPort } = server.address() as AddressInfo
  return {
    address: `${LOOPBACK}:${ownPort}`,
    certificate,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A broker says where it is to be reached: there it has no TLS, so the proxy's port is put in the place of its own. */
export function announcing(broker: string): AlterAnswer {
  const [host, port] = broker.split(':') as [string, string]
  const placeOf = (at: number): Buffer => {
    const place = Buffer.alloc(host.length + 4)
    place.write(host)
    place.writeInt32BE(at, host.length)
    return place
  }
  const own = placeOf(Number(port))
  return (bytes, proxyPort) => {
    for (let at = bytes.indexOf(own); at >= 0; at = bytes.indexOf(own, at + 1)) placeOf(proxyPort).copy(bytes, at)
    return bytes
  }
}

/** PEM, signed by nobody but itself, for 127.0.0.1. */
export function makeCertificate(): { readonly key: string; readonly certificate: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-tls-'))
  try {
    const [keyPath, certificatePath] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    const name = ['-subj', '/CN=loopback', '-addext', `subjectAltName=IP:${LOOPBACK}`, '-days', '2']
    execFileSync('openssl', ['req', '-x509', ...curve, ...name, '-keyout', keyPath, '-out', certificatePath], { stdio: 'ignore' })
    return { key: readFileSync(keyPath, 'utf8'), certificate: readFileSync(certificatePath, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
