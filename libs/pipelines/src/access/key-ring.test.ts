// API keys: what is kept of them, whom they let in, and for how long where they were revoked or registers are away. Law 11: deny by default.
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { createSteppedClock, type SteppedClock } from '@tidemark/ports/stepped-clock'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { createPlainRegisters } from '../testing/plain-stores.ts'
import { apiKeyText, digestOf, mintApiKey, parseApiKey } from './api-key.ts'
import { createKey, KEY_COUNT_MAX, KEYS_REGISTER, encodeKeys, readKeys, revokeKey, type NewKey } from './key-register.ts'
import { KEYS_STALE_MAX_MS, KeyRing, REVOKED_WITHIN_MS } from './key-ring.ts'
import type { Principal } from './principal.ts'

const NOW_MS = 1_800_000_000_000
const NEW: NewKey = { name: 'fraud-model', scopes: ['features:read'], createdAtMs: NOW_MS, expiresAtMs: null }

interface World {
  readonly registers: RegisterStore
  readonly clock: SteppedClock
  readonly ring: KeyRing
  isAway: boolean
}

function world(): World {
  const registers = createPlainRegisters()
  const clock = createSteppedClock(NOW_MS)
  const read: RegisterStore['read'] = (name) => (all.isAway ? Promise.reject(new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'It is away.', where: 'registers', action: 'Wait.' }])) : registers.read(name))
  const all: World = { registers, clock, isAway: false, ring: new KeyRing({ read }, clock) }
  return all
}

/** Who, or the code of the refusal. */
function told(ring: KeyRing, text: string): Principal | string {
  try {
    return ring.principalOf(text)
  } catch (error) {
    return (error as TidemarkError).code
  }
}

describe('an API key', () => {
  it('is found by scanners, has 256 bits by chance, and is read back', () => {
    const key = mintApiKey(randomBytes)
    expect(apiKeyText(key)).toMatch(/^tmk_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}$/)
    expect(parseApiKey(apiKeyText(key))).toEqual(key)
    const extremes = [0, 255].map((byte) => mintApiKey((sizeBytes) => new Uint8Array(sizeBytes).fill(byte)))
    expect(extremes.map((each) => parseApiKey(apiKeyText(each)))).toEqual(extremes)
    expect(extremes[0]!.secret).not.toBe(extremes[1]!.secret)
  })

  it.each(['', 'tmk_', 'tmk_a_b', `tmk_${'a'.repeat(12)}_${'b'.repeat(42)}`, `tmk_${'a'.repeat(12)}_${'b'.repeat(44)}`, `tmk_${'a'.repeat(12)}_${'b'.repeat(42)}-`, `tmk_${'a'.repeat(12)}_${'b'.repeat(43)}\n`])('is not %j', (text) => {
    expect(parseApiKey(text)).toBeNull()
  })

  it('leaves nothing of its secret in the register', async () => {
    const { registers } = world()
    const { text, stored } = await createKey(registers, NEW, randomBytes)
    const bytes = Buffer.from((await registers.read(KEYS_REGISTER))!.bytes).toString()
    const { secret } = parseApiKey(text)!
    expect(bytes).toContain(stored.id)
    expect(bytes).toContain(digestOf(secret).toString('hex'))
    for (const trace of [secret, Buffer.from(secret).toString('base64'), Buffer.from(secret).toString('hex')]) expect(bytes).not.toContain(trace)
  })

  it('keeps its place beside keys that others make at the same time', async () => {
    const { registers } = world()
    const made = await Promise.all(['a', 'b', 'c'].map((name) => createKey(registers, { ...NEW, name }, randomBytes)))
    expect((await readKeys(registers)).keys.map(({ id }) => id).sort()).toEqual(made.map(({ stored }) => stored.id).sort())
  })

  it('has a name that logs can show, and there are not too many', async () => {
    const { registers } = world()
    for (const name of ['', ' a', 'a\nb', 'a'.repeat(101)]) await expect(createKey(registers, { ...NEW, name }, randomBytes)).rejects.toMatchObject({ code: 'USAGE' })
    const { stored } = await createKey(registers, NEW, randomBytes)
    const { revision } = await readKeys(registers)
    await registers.compareAndSet(KEYS_REGISTER, revision, encodeKeys(Array.from({ length: KEY_COUNT_MAX }, () => ({ ...stored, name: 'n'.repeat(100), scopes: ['features:read', 'events:write', 'operate'], expiresAtMs: NOW_MS }))))
    await expect(createKey(registers, NEW, randomBytes)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining(`There are ${KEY_COUNT_MAX} keys`) })
  })
})

describe('a key ring', () => {
  it('knows whose key it is, and what it may', async () => {
    const { registers, ring } = world()
    const { text, stored } = await createKey(registers, { ...NEW, scopes: ['features:read', 'operate'] }, randomBytes)
    await ring.read()
    expect(told(ring, text)).toEqual({ who: `key fraud-model ${stored.id}`, scopes: new Set(['features:read', 'operate']) })
  })

  it('says the same of a key that never was, is revoked, has expired, or has another secret', async () => {
    const { registers, ring, clock } = world()
    const [right, revoked, expired] = await Promise.all([NEW, NEW, { ...NEW, expiresAtMs: NOW_MS + 1_000 }].map((key) => createKey(registers, key, randomBytes)))
    await ring.read()
    expect([right, revoked, expired].map((key) => typeof told(ring, key!.text))).toEqual(['object', 'object', 'object'])
    await revokeKey(registers, revoked!.stored.id)
    clock.step(1_000)
    await ring.read()
    const problems = [apiKeyText(mintApiKey(randomBytes)), revoked!.text, expired!.text, apiKeyText({ ...parseApiKey(right!.text)!, secret: mintApiKey(randomBytes).secret }), 'tmk_x'].map((text) => {
      try {
        return ring.principalOf(text)
      } catch (error) {
        return (error as TidemarkError).problems
      }
    })
    for (const problem of problems) expect(problem).toEqual([expect.objectContaining({ code: 'UNAUTHENTICATED', message: 'What it sends to say who asks is not accepted.' })])
    await expect(revokeKey(registers, revoked!.stored.id)).rejects.toMatchObject({ code: 'UNKNOWN_NAME' })
  })

  it('refuses a revoked key within its time, by reading the register again and again', async () => {
    const { registers, ring, clock } = world()
    const { text, stored } = await createKey(registers, NEW, randomBytes)
    await ring.read()
    const ending = new AbortController()
    const following = ring.follow(clock)(ending.signal)
    await revokeKey(registers, stored.id)
    let passedMs = 0
    for (; told(ring, text) !== 'UNAUTHENTICATED'; passedMs += 500) {
      await new Promise(setImmediate)
      clock.step(500)
      expect(passedMs).toBeLessThan(REVOKED_WITHIN_MS)
    }
    ending.abort()
    await following
  })

  it('lets known keys go on while registers are away, up to a limit, and judges no others', async () => {
    const all = world()
    const { registers, ring, clock } = all
    const { text } = await createKey(registers, NEW, randomBytes)
    await ring.read()
    const stranger = apiKeyText(mintApiKey(randomBytes))
    const wrong = apiKeyText({ ...parseApiKey(text)!, secret: parseApiKey(stranger)!.secret })
    all.isAway = true
    clock.step(REVOKED_WITHIN_MS)
    await expect(ring.read()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect([told(ring, stranger), told(ring, wrong)]).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED'])
    clock.step(1)
    // It may have been made since; and of one that is known no more is told.
    expect([told(ring, stranger), told(ring, wrong)]).toEqual(['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE'])
    expect(told(ring, text)).toMatchObject({ who: expect.stringContaining('fraud-model') })
    clock.step(KEYS_STALE_MAX_MS - REVOKED_WITHIN_MS)
    expect(told(ring, text)).toBe('STORE_UNAVAILABLE')
    all.isAway = false
    await ring.read()
    expect(told(ring, text)).toMatchObject({ who: expect.stringContaining('fraud-model') })
  })

  it('counts from when a reading began: a key may have been revoked while it was under way', async () => {
    const { registers, clock } = world()
    const { text, stored } = await createKey(registers, NEW, randomBytes)
    const answered = Promise.withResolvers<null>()
    const ring = new KeyRing({
      async read(name) {
        const found = await registers.read(name)
        await answered.promise
        return found
      },
    }, clock)
    const reading = ring.read()
    await revokeKey(registers, stored.id)
    clock.step(REVOKED_WITHIN_MS)
    answered.resolve(null)
    await reading
    const stranger = apiKeyText(mintApiKey(randomBytes))
    expect(told(ring, stranger)).toBe('UNAUTHENTICATED')
    clock.step(1)
    expect(told(ring, stranger)).toBe('STORE_UNAVAILABLE')
    clock.step(KEYS_STALE_MAX_MS - REVOKED_WITHIN_MS)
    expect(told(ring, text)).toBe('STORE_UNAVAILABLE')
  })

  it('goes on with the other keys of a name of which one is revoked', async () => {
    const { registers, ring } = world()
    const [old, next] = [await createKey(registers, NEW, randomBytes), await createKey(registers, NEW, randomBytes)]
    await revokeKey(registers, old.stored.id)
    await ring.read()
    expect([told(ring, old.text), told(ring, next.text)]).toEqual(['UNAUTHENTICATED', expect.objectContaining({ who: `key ${NEW.name} ${next.stored.id}` })])
  })

  it('lets nobody in before it has read, and nobody where there are no keys', async () => {
    const { ring } = world()
    const stranger = apiKeyText(mintApiKey(randomBytes))
    expect(told(ring, stranger)).toBe('STORE_UNAVAILABLE')
    await ring.read()
    expect(told(ring, stranger)).toBe('UNAUTHENTICATED')
  })
})
