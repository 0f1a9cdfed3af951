// An issuer of tokens on loopback: it publishes its key, and signs what it is asked to.

import { generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export const ISSUER = 'https://issuer.example.com/'
export const AUDIENCE = 'tidemark'
const TOKEN_LIFE_S = 600

export interface TokenIssuer extends AsyncDisposable {
  readonly keysUrl: string
  token(claims: Readonly<Record<string, unknown>>): string
}

export async function openTokenIssuer(): Promise<TokenIssuer> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const keys = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'tests', alg: 'ES256' }] })
  const server = createServer((_request, response) => void response.setHeader('connection', 'close').end(keys)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const part = (document: object): string => Buffer.from(JSON.stringify(document)).toString('base64url')
  return {
    keysUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    token(claims) {
      const text = `${part({ alg: 'ES256', kid: 'tests' })}.${part({ iss: ISSUER, aud: AUDIENCE, exp: Math.floor(Date.now() / 1_000) + TOKEN_LIFE_S, ...claims })}`
      return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => void server.close(() => resolve())),
  }
}
