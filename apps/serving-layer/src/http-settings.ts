// Where the serving layer listens, and whom it lets in. Where others reach it, somebody has to be asked who they are.

import { createSecureContext } from 'node:tls'
import type { JSONWebKeySet, JwtOptions } from '@tidemark/adapter-jwt/jwt-verifier'
import { isLoopback } from '@tidemark/machine/loopback'
import { fileOf, flag, kind, text, wholeNumber } from '@tidemark/service-kit/setting-kinds'
import { settingsGroup } from '@tidemark/service-kit/settings'
import { unpaired } from '@tidemark/service-kit/tls-settings'

const PREFIX = 'TIDEMARK_HTTP_'
const HOST_DEFAULT = '127.0.0.1'
const PORT_DEFAULT = 8_080

export interface HttpSettings {
  readonly host: string
  readonly port: number
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly auth: AuthSettings
}

/** Nothing of both: nobody is asked who they are. */
export interface AuthSettings {
  readonly hasApiKeys: boolean
  readonly jwt: JwtOptions | null
}

export const httpSettings = settingsGroup({
  prefix: PREFIX,
  variables: {
    HOST: text('Give an address of this machine; 0.0.0.0 for all of them.', /^[A-Za-z0-9.:_-]+$/).default(HOST_DEFAULT).describe('Where it listens; outside loopback only with `TIDEMARK_AUTH_…`.'),
    PORT: wholeNumber(0, 65_535).default(PORT_DEFAULT).describe('Where it listens; 0 takes any that is free.'),
    TLS_CERT_FILE: fileOf("a PEM file of this server's certificate, with those that vouch for it").optional().meta({ description: 'Makes it speak HTTPS.', unset: 'plain HTTP' }),
    TLS_KEY_FILE: fileOf("a PEM file of that certificate's key").optional().describe('The key of the certificate.'),
    TIDEMARK_AUTH_API_KEYS: flag.default(false).describe('Whether [API keys](access.md#keys) are taken.'),
    TIDEMARK_AUTH_JWT_JWKS_URL: kind('Give https://…, or http://… on loopback, without credentials in it.', (address) => (isPrivate(address) ? address : undefined)).optional().meta({ description: 'Where the issuer of [tokens](access.md#tokens) publishes its keys.', unset: 'no tokens are taken' }),
    TIDEMARK_AUTH_JWT_JWKS_FILE: publicKeySet().optional().describe('The same in a file, which is read once.'),
    TIDEMARK_AUTH_JWT_ISSUER: text("Give what the issuer's tokens have as `iss`.").optional().describe('Whose tokens are taken.'),
    TIDEMARK_AUTH_JWT_AUDIENCE: text('Give what tokens for this system have as `aud`.').optional().describe('For whom they have to be.'),
    TIDEMARK_AUTH_JWT_TLS_CA_FILE: fileOf('a PEM file of the authorities to trust').optional().meta({ description: 'Who may vouch for the issuer.', unset: "the system's authorities" }),
  },
  check: (given) => [
    ...unpaired(given, 'TLS_CERT_FILE', 'TLS_KEY_FILE', PREFIX),
    ...mistakesOfCertificate(given),
    ...mistakesOfTokens(given),
    ...(given.HOST !== undefined && !isLoopback(given.HOST) && given.TIDEMARK_AUTH_API_KEYS !== 'true' && !hasTokens(given)
      ? [{ name: 'HOST' as const, message: `It is ${JSON.stringify(given.HOST)}, which others reach, and nobody is asked who they are.`, action: OPEN_ACTION }]
      : []),
  ],
  become: ({ HOST: host, PORT: port, TLS_CERT_FILE: cert, TLS_KEY_FILE: key, ...auth }): HttpSettings => ({
    host, port,
    ...(cert !== undefined && { tls: { cert, key: key! } }),
    auth: { hasApiKeys: auth.TIDEMARK_AUTH_API_KEYS, jwt: jwtOf(auth) },
  }),
})

const OPEN_ACTION = 'Give TIDEMARK_AUTH_API_KEYS=true, or TIDEMARK_AUTH_JWT_JWKS_URL with its _ISSUER and _AUDIENCE; or listen on 127.0.0.1.'

/** Of files that can be read and are no certificate, no key, or not of each other. */
function mistakesOfCertificate({ TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile }: { readonly TLS_CERT_FILE?: string; readonly TLS_KEY_FILE?: string }): { name: 'TLS_CERT_FILE'; message: string; action: string }[] {
  const [cert, key] = [certFile, keyFile].map((path) => fileOf('a file').safeParse(path).data)
  if (cert === undefined || key === undefined) return []
  try {
    createSecureContext({ cert, key })
    return []
  } catch (error) {
    return [{ name: 'TLS_CERT_FILE', message: `${JSON.stringify(certFile)} cannot be used with the key in ${JSON.stringify(keyFile)}: ${(error as Error).message}.`, action: 'Give PEM of a certificate, with those that vouch for it, and of the key that belongs to it.' }]
  }
}

type GivenTokens = { readonly [name in 'TIDEMARK_AUTH_JWT_JWKS_URL' | 'TIDEMARK_AUTH_JWT_JWKS_FILE' | 'TIDEMARK_AUTH_JWT_ISSUER' | 'TIDEMARK_AUTH_JWT_AUDIENCE']?: string }

function hasTokens({ TIDEMARK_AUTH_JWT_JWKS_URL: jwksUrl, TIDEMARK_AUTH_JWT_JWKS_FILE: jwksFile }: GivenTokens): boolean {
  return jwksUrl !== undefined || jwksFile !== undefined
}

/** Keys without an issuer and an audience would let in everybody for whom anybody has issued something. */
function mistakesOfTokens(given: GivenTokens): { name: keyof GivenTokens; message: string; action: string }[] {
  const { TIDEMARK_AUTH_JWT_JWKS_URL: jwksUrl, TIDEMARK_AUTH_JWT_JWKS_FILE: jwksFile, ...both } = { ...NO_TOKENS, ...given }
  if (jwksUrl !== undefined && jwksFile !== undefined) return [{ name: 'TIDEMARK_AUTH_JWT_JWKS_FILE', message: 'TIDEMARK_AUTH_JWT_JWKS_URL is given too.', action: 'Give one of both.' }]
  const names = ['TIDEMARK_AUTH_JWT_ISSUER', 'TIDEMARK_AUTH_JWT_AUDIENCE'] as const
  if (hasTokens(given)) return names.filter((name) => both[name] === undefined).map((name) => ({ name, message: 'It is not given, but keys to check tokens with are.', action: 'Give whose tokens are taken, and for whom they have to be.' }))
  return names.some((name) => both[name] !== undefined) ? [{ name: 'TIDEMARK_AUTH_JWT_JWKS_URL', message: 'It is not given, but an issuer or an audience is.', action: 'Give where the issuer publishes its keys, or TIDEMARK_AUTH_JWT_JWKS_FILE.' }] : []
}

const NO_TOKENS: GivenTokens = {}

interface TokenValues {
  readonly TIDEMARK_AUTH_JWT_JWKS_URL?: string | undefined
  readonly TIDEMARK_AUTH_JWT_JWKS_FILE?: JSONWebKeySet | undefined
  readonly TIDEMARK_AUTH_JWT_ISSUER?: string | undefined
  readonly TIDEMARK_AUTH_JWT_AUDIENCE?: string | undefined
  readonly TIDEMARK_AUTH_JWT_TLS_CA_FILE?: string | undefined
}

function jwtOf({ TIDEMARK_AUTH_JWT_JWKS_URL: jwksUrl, TIDEMARK_AUTH_JWT_JWKS_FILE: jwks, TIDEMARK_AUTH_JWT_ISSUER: issuer, TIDEMARK_AUTH_JWT_AUDIENCE: audience, TIDEMARK_AUTH_JWT_TLS_CA_FILE: ca }: TokenValues): JwtOptions | null {
  if (jwks !== undefined) return { issuer: issuer!, audience: audience!, keys: { jwks } }
  return jwksUrl === undefined ? null : { issuer: issuer!, audience: audience!, keys: { url: jwksUrl, ...(ca !== undefined && { tls: { ca } }) } }
}

/** Keys that come in plain text could be anybody's. */
function isPrivate(address: string): boolean {
  const { protocol, hostname, username, password } = URL.parse(address) ?? { protocol: '', hostname: '', username: '', password: '' }
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname.replace(/^\[(.*)\]$/, '$1')))
  return isSafe && username === '' && password === ''
}

/** A file of a JSON Web Key Set. Keys with which tokens can be made have no place where they are only checked. */
function publicKeySet(): ReturnType<typeof kind<JSONWebKeySet>> {
  const file = fileOf('a file')
  return kind('Give the path of a file that holds a JSON Web Key Set of public keys, {"keys": […]}.', (path) => {
    const read = file.safeParse(path)
    if (!read.success) return undefined
    try {
      const set = JSON.parse(read.data) as Partial<JSONWebKeySet> | null
      const keys = Array.isArray(set?.keys) ? set.keys : []
      return keys.length > 0 && keys.every((key) => typeof key === 'object' && key !== null && ['RSA', 'EC', 'OKP'].includes(key.kty as string) && !('d' in key)) ? (set as JSONWebKeySet) : undefined
    } catch {
      return undefined
    }
  })
}
