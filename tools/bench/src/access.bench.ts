// What asking who asks adds to a request: the guard before the routes, with a key, with a token that is known, and with a key that does not exist.

import { hash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { apiKeyText, mintApiKey } from '@tidemark/pipelines/access/api-key'
import { createAuthenticate } from '@tidemark/pipelines/access/authenticate'
import { encodeKeys, KEYS_REGISTER, type StoredKey } from '@tidemark/pipelines/access/key-register'
import { KeyRing } from '@tidemark/pipelines/access/key-ring'
import { KnownTokens } from '@tidemark/pipelines/access/known-tokens'
import { AccessGuard } from '@tidemark/serving-http/access-guard'
import type { Benchmark } from './benchmark.ts'
import { compare, figureOf, judge, median, takeTurns } from './measure.ts'

const RUNS = 9
const REQUESTS = 200_000
const KEY_COUNT = 1_000
const TOKEN_COUNT = 100
const TOKEN_LENGTH = 800
/** A twentieth of the 60 µs that an answer takes of the processor (`embedded-serve`). */
const BAR_NS = 3_000

export const benchmark: Benchmark = {
  question: 'How long does it take to find out who asks?',
  async run() {
    const clock = { nowMs: Date.now, steadyMs: () => Math.floor(performance.now()) }
    const minted = Array.from({ length: KEY_COUNT }, () => mintApiKey(randomBytes))
    const stored = minted.map(({ id, secret }): StoredKey => ({ id, name: 'model', scopes: ['features:read'], secretSha256: hash('sha256', secret, 'hex'), createdAtMs: 0, expiresAtMs: null }))
    const keys = new KeyRing({ read: (name) => Promise.resolve(name === KEYS_REGISTER ? { revision: 1 as never, bytes: encodeKeys(stored) } : null) }, clock)
    const tokens = new KnownTokens({ verify: () => Promise.resolve({ subject: 'model', scopes: ['features:read'], expiresAtMs: Infinity }) }, clock)
    const tokenTexts = Array.from({ length: TOKEN_COUNT }, () => randomBytes(TOKEN_LENGTH / 2).toString('hex'))
    for (const token of tokenTexts) await tokens.principalOf(token)

    let letThrough = 0
    let turnedAway = 0
    const guard = new AccessGuard({ authenticate: createAuthenticate({ keys, tokens }), onRefused: () => undefined, onOperated: () => undefined }, () => void turnedAway++)
    const handle = guard.before(() => void letThrough++)
    const response = { setHeader: () => undefined } as unknown as ServerResponse
    const nanosecondsOf = (credentials: readonly string[]) => async (): Promise<number> => {
      await keys.read()
      const requests = credentials.map((credential) => ({ method: 'POST', url: '/v1/features', headers: { authorization: `Bearer ${credential}` } }) as IncomingMessage)
      const fromMs = performance.now()
      for (let i = 0; i < REQUESTS; i++) handle(requests[i % requests.length]!, response)
      return ((performance.now() - fromMs) * 1e6) / REQUESTS
    }
    let sink = 0
    const times = await takeTurns(RUNS, {
      key: nanosecondsOf(minted.map(apiKeyText)),
      token: nanosecondsOf(tokenTexts),
      stranger: nanosecondsOf(Array.from({ length: KEY_COUNT }, () => apiKeyText(mintApiKey(randomBytes)))),
      hash: async () => {
        const fromMs = performance.now()
        for (let i = 0; i < REQUESTS; i++) sink ^= hash('sha256', minted[i % KEY_COUNT]!.secret, 'buffer')[0]!
        return ((performance.now() - fromMs) * 1e6) / REQUESTS
      },
    })
    if (letThrough !== 2 * REQUESTS * (RUNS + 1) || turnedAway !== REQUESTS * (RUNS + 1) || sink === -1) throw new Error(`${letThrough} were let through and ${turnedAway} turned away.`)
    const alone = { name: 'SHA-256 of a secret', value: median(times.hash) }
    return {
      input: `${REQUESTS} requests a run; ${KEY_COUNT} keys, ${TOKEN_COUNT} known tokens of ${TOKEN_LENGTH} characters`,
      figures: [
        judge(compare(figureOf('a request with a key', 'ns', times.key), alone), `at most ${BAR_NS} ns`, ({ value }) => value <= BAR_NS),
        judge(compare(figureOf('with a token that is known', 'ns', times.token), alone), `at most ${BAR_NS} ns`, ({ value }) => value <= BAR_NS),
        compare(figureOf('with a key that does not exist', 'ns', times.stranger), alone),
      ],
    }
  },
}
