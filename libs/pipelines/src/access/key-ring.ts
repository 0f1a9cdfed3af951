// The API keys as a serving process has them: all of the register, read again and again, so that a request costs a Map look-up and a hash. A key that is
// revoked is refused within REVOKED_WITHIN_MS as long as registers answer. While they do not, keys that are known go on, up to a limit, and what is
// not known cannot be judged: it may have been made since.

import { timingSafeEqual } from 'node:crypto'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Clock, WaitingClock } from '@tidemark/ports/clock'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { every, type Loop } from '../lambda/run-together.ts'
import { digestOf, parseApiKey } from './api-key.ts'
import { readKeys, type KeyRegister, type StoredKey } from './key-register.ts'
import { knownScopes, unauthenticated, type Principal } from './principal.ts'

export const READ_EVERY_MS = 2_000
/** A read may take a while. */
export const REVOKED_WITHIN_MS = 5_000
/** How long known keys go on while registers do not answer. */
export const KEYS_STALE_MAX_MS = 900_000

interface KnownKey {
  readonly digest: Buffer
  readonly expiresAtMs: number
  readonly principal: Principal
}

/** No secret has this digest. */
const NOBODYS_DIGEST = Buffer.alloc(32)

export class KeyRing {
  private readonly registers: Pick<RegisterStore, 'read'>
  private readonly clock: Clock
  private known: ReadonlyMap<string, KnownKey> = new Map()
  private revision: KeyRegister['revision'] = null
  /** Steady; when the read began whose keys these are. */
  private readAtMs = -Infinity

  constructor(registers: Pick<RegisterStore, 'read'>, clock: Clock) {
    this.registers = registers
    this.clock = clock
  }

  /** Throws what `readKeys` throws; what was known stays known. */
  async read(): Promise<void> {
    const beganAtMs = this.clock.steadyMs()
    const { revision, keys } = await readKeys(this.registers)
    if (revision === null || revision !== this.revision) this.known = new Map(keys.map((key) => [key.id, knownOf(key)]))
    this.revision = revision
    this.readAtMs = beganAtMs
  }

  /** Throws what `read` throws. */
  follow(clock: WaitingClock): Loop {
    return every(READ_EVERY_MS, clock, () => this.read())
  }

  /** Whose key it is. UNAUTHENTICATED; STORE_UNAVAILABLE where that cannot be told. */
  principalOf(text: string): Principal {
    const key = parseApiKey(text)
    if (key === null) throw unauthenticated()
    const known = this.known.get(key.id)
    const isRight = timingSafeEqual(digestOf(key.secret), known?.digest ?? NOBODYS_DIGEST)
    const ageMs = this.clock.steadyMs() - this.readAtMs
    if (known !== undefined && isRight && this.clock.nowMs() < known.expiresAtMs) {
      if (ageMs <= KEYS_STALE_MAX_MS) return known.principal
    } else if (ageMs <= REVOKED_WITHIN_MS) throw unauthenticated()
    throw new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'Keys cannot be looked up at the moment.', where: 'registers', action: 'Try again. Whoever operates the system sees in its log what is away.' }])
  }
}

function knownOf({ id, name, scopes, secretSha256, expiresAtMs }: StoredKey): KnownKey {
  return { digest: Buffer.from(secretSha256, 'hex'), expiresAtMs: expiresAtMs ?? Infinity, principal: { who: `key ${name} ${id}`, scopes: knownScopes(scopes) } }
}
