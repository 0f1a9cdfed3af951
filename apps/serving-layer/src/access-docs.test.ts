// docs/access.md says what the code does: scopes, routes, limits, algorithms.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'
import { ALGORITHMS, KEYS_COOLDOWN_MS, KEYS_STALE_MAX_MS as ISSUERS_KEYS_STALE_MAX_MS, KEYS_WAIT_MAX_MS, LEEWAY_S } from '@tidemark/adapter-jwt/jwt-verifier'
import { KEY_COUNT_MAX } from '@tidemark/pipelines/access/key-register'
import { KEYS_STALE_MAX_MS, READ_EVERY_MS, REVOKED_WITHIN_MS } from '@tidemark/pipelines/access/key-ring'
import { TOKEN_TRUSTED_MAX_MS } from '@tidemark/pipelines/access/known-tokens'
import { SCOPES } from '@tidemark/pipelines/access/principal'
import { scopesOf } from '@tidemark/serving-http/access-guard'
import { openApiDocumentWithEvents } from '@tidemark/serving-http/event-routes'
import { LINES_TOLD_MAX, LINES_TOLD_PER_MS } from '@tidemark/service-kit/line-limit'
import { TOKEN_KEYS_EVERY_MS } from './open-access.ts'

const doc = readFileSync(join(import.meta.dirname, '../../../docs/access.md'), 'utf8')

it('docs/access.md has each scope, what it allows, and its routes', () => {
  for (const [scope, allows] of Object.entries(SCOPES)) {
    const [, means, routes] = new RegExp(`^\\| \`${scope}\` \\| (.*) \\| (.*) \\|$`, 'm').exec(doc)!
    expect(means).toBe(`to ${allows}`)
    const own = Object.entries(openApiDocumentWithEvents.paths).filter(([path]) => scopesOf(path).includes(scope as keyof typeof SCOPES) && scopesOf(path).length < 3)
    for (const [path, methods] of own) expect(routes).toContain(`\`${Object.keys(methods)[0]!.toUpperCase()} ${path}\``)
  }
})

it('docs/access.md has the limits and the algorithms', () => {
  const [minute, hour] = [60_000, 3_600_000]
  for (const text of [
    `${ALGORITHMS.slice(0, -1).join(', ')} or ${ALGORITHMS.at(-1)!}`, `with ${LEEWAY_S} s for clocks`, `At most ${KEY_COUNT_MAX.toLocaleString('en-US')}`.toLowerCase(), `is so within ${REVOKED_WITHIN_MS / 1_000} s`, `the register every ${READ_EVERY_MS / 1_000} s`,
    `known go on for ${KEYS_STALE_MAX_MS / minute} minutes`, `are known go on for ${ISSUERS_KEYS_STALE_MAX_MS === hour ? 'an hour' : '?'}`, `every ${TOKEN_KEYS_EVERY_MS / minute} minutes`, `once in ${KEYS_COOLDOWN_MS / 1_000} s`, `for at most ${KEYS_WAIT_MAX_MS} ms`,
    `for at most ${TOKEN_TRUSTED_MAX_MS / minute} minutes`, `within ${(TOKEN_TRUSTED_MAX_MS + TOKEN_KEYS_EVERY_MS) / minute} minutes`, `${LINES_TOLD_MAX} in ${LINES_TOLD_PER_MS / 1_000} s`,
  ]) expect(doc).toContain(text)
})
