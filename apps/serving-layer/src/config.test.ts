// What the serving layer is told: in its reference, and what it becomes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { TidemarkError } from '@tidemark/feature-schema/errors'
import { readSettings, type Environment } from '@tidemark/service-kit/settings'
import { unreferenced } from '@tidemark/service-kit/testing/unreferenced'
import { servingLayerSettings } from './config.ts'
import type { HttpSettings } from './http-settings.ts'

it('has settings that docs/services.md tells as --print-config-reference does', () => {
  expect(unreferenced(servingLayerSettings)).toEqual([])
})

it('listens on loopback, and takes no events, unless it is told so', () => {
  const { http, kafka } = servingLayerSettings
  expect(readSettings({}, { http, kafka })).toMatchObject({ http: { host: '127.0.0.1', port: 8_080 }, kafka: null })
  expect(readSettings({ TIDEMARK_HTTP_HOST: '::1', TIDEMARK_HTTP_PORT: '0' }, { http, kafka })).toMatchObject({ http: { host: '::1', port: 0 } })
  expect(() => readSettings({ TIDEMARK_HTTP_PORT: '65536', TIDEMARK_HTTP_EVENTS: 'true' }, { http, kafka })).toThrow(/HTTP_PORT[^]*KAFKA_BROKERS/)
})

describe('whom it lets in', () => {
  const { http } = servingLayerSettings
  const JWKS = { keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'x', kid: 'a' }] }
  const TOKENS = { TIDEMARK_AUTH_JWT_JWKS_URL: 'https://issuer.example.com/keys', TIDEMARK_AUTH_JWT_ISSUER: 'https://issuer.example.com/', TIDEMARK_AUTH_JWT_AUDIENCE: 'tidemark' }
  let folder: string
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'tidemark-auth-'))))
  afterAll(() => rmSync(folder, { recursive: true }))
  const file = (name: string, content: unknown): string => {
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
    return join(folder, name)
  }
  const read = (environment: Environment): HttpSettings => readSettings(environment, { http }).http
  /** Where and what. */
  const mistakes = (environment: Environment): string[] => {
    try {
      read(environment)
      return []
    } catch (error) {
      return (error as TidemarkError).problems.map(({ where, message }) => `${where}: ${message}`)
    }
  }

  it('is nobody in particular on loopback', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost']) expect(read({ TIDEMARK_HTTP_HOST: host }).auth).toEqual({ hasApiKeys: false, jwt: null })
  })

  it.each(['0.0.0.0', '::', '10.1.2.3', 'feature-store.internal', '127.evil.example', '127.0.0.1.example.com', '::ffff:127.0.0.1'])('has to be said where %s listens', (host) => {
    const refused = `TIDEMARK_HTTP_HOST: It is "${host}", which others reach, and nobody is asked who they are (from the environment variable TIDEMARK_HTTP_HOST).`
    expect(mistakes({ TIDEMARK_HTTP_HOST: host })).toEqual([refused])
    expect(mistakes({ TIDEMARK_HTTP_HOST: host, TIDEMARK_AUTH_API_KEYS: 'false' })).toEqual([refused])
    expect(mistakes({ TIDEMARK_HTTP_HOST: host, TIDEMARK_AUTH_API_KEYS: 'true' })).toEqual([])
    expect(mistakes({ TIDEMARK_HTTP_HOST: host, ...TOKENS })).toEqual([])
  })

  it('is not asked by a certificate that is none', () => {
    const [cert, key] = [file('cert.pem', 'no certificate'), file('key.pem', 'no key')]
    expect(mistakes({ TIDEMARK_HTTP_TLS_CERT_FILE: cert, TIDEMARK_HTTP_TLS_KEY_FILE: key })).toEqual([expect.stringMatching(/^TIDEMARK_HTTP_TLS_CERT_FILE: ".*cert.pem" cannot be used with the key in ".*key.pem": .+ \(from the environment variable TIDEMARK_HTTP_TLS_CERT_FILE\)\.$/)])
  })

  it('is whoever has a token of an issuer, for this audience, whose keys are published or in a file', () => {
    expect(read({ ...TOKENS, TIDEMARK_AUTH_JWT_TLS_CA_FILE: file('ca.pem', 'authorities') }).auth.jwt).toEqual({ issuer: TOKENS.TIDEMARK_AUTH_JWT_ISSUER, audience: 'tidemark', keys: { url: TOKENS.TIDEMARK_AUTH_JWT_JWKS_URL, tls: { ca: 'authorities' } } })
    expect(read({ ...TOKENS, TIDEMARK_AUTH_JWT_JWKS_URL: '', TIDEMARK_AUTH_JWT_JWKS_FILE: file('jwks', JWKS) }).auth.jwt).toMatchObject({ keys: { jwks: JWKS } })
    expect(read({ ...TOKENS, TIDEMARK_AUTH_JWT_JWKS_URL: 'http://[::1]:9/keys' }).auth.jwt).toMatchObject({ keys: { url: 'http://[::1]:9/keys' } })
  })

  it.each<[string, Environment, string]>([
    ['keys without an issuer', { ...TOKENS, TIDEMARK_AUTH_JWT_ISSUER: '' }, 'TIDEMARK_AUTH_JWT_ISSUER: It is not given'],
    ['keys without an audience', { ...TOKENS, TIDEMARK_AUTH_JWT_AUDIENCE: '' }, 'TIDEMARK_AUTH_JWT_AUDIENCE: It is not given'],
    ['an issuer without keys', { ...TOKENS, TIDEMARK_AUTH_JWT_JWKS_URL: '' }, 'TIDEMARK_AUTH_JWT_JWKS_URL: It is not given'],
    ['keys in plain HTTP', { ...TOKENS, TIDEMARK_AUTH_JWT_JWKS_URL: 'http://issuer.example.com/keys' }, 'TIDEMARK_AUTH_JWT_JWKS_URL: It is'],
    ['keys from nowhere', { ...TOKENS, TIDEMARK_AUTH_JWT_JWKS_URL: 'issuer' }, 'TIDEMARK_AUTH_JWT_JWKS_URL: It is "issuer"'],
    ['a certificate without its key', { TIDEMARK_HTTP_TLS_CERT_FILE: '/dev/null' }, 'TIDEMARK_HTTP_TLS_KEY_FILE: It is not given'],
  ])('is not told by %s', (_, environment, told) => {
    expect(mistakes(environment)).toEqual([expect.stringContaining(told)])
  })

  it.each([['no JSON', '{'], ['no keys', { keys: [] }], ['a shared secret', { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }], ['a private key', { keys: [...JWKS.keys, { ...JWKS.keys[0], d: 'secret' }] }]])('is not told by a file with %s', (name, content) => {
    const path = file(name, content)
    expect(mistakes({ ...TOKENS, TIDEMARK_AUTH_JWT_JWKS_URL: '', TIDEMARK_AUTH_JWT_JWKS_FILE: path })).toEqual([`TIDEMARK_AUTH_JWT_JWKS_FILE: It is "${path}" (from the environment variable TIDEMARK_AUTH_JWT_JWKS_FILE).`])
  })
})
