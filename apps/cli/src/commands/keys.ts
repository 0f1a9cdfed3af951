// `tidemark keys create|list|revoke`: who may ask a serving layer on servers, and for what.
import { randomBytes } from 'node:crypto'
import { parseDurationMs } from '@tidemark/feature-schema/duration'
import { createSystemClock } from '@tidemark/machine/system-clock'
import { createKey, readKeys, revokeKey, type StoredKey } from '@tidemark/pipelines/access/key-register'
import { REVOKED_WITHIN_MS } from '@tidemark/pipelines/access/key-ring'
import { SCOPE_NAMES, SCOPES, type Scope } from '@tidemark/pipelines/access/principal'
import { Option, type Command } from 'commander'
import { usageError } from '../failure.ts'
import { formatTime, tableText, type Output } from '../output.ts'
import { withStores } from '../stores.ts'

const STORES = ['registers'] as const
/** A folder of `tidemark dev` has no keys: it listens on loopback, and asks nobody. */
const ON_SERVERS = { data: '', servers: true } as const
const SOON = `within ${REVOKED_WITHIN_MS / 1_000} s`

interface CreateOptions {
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly expires?: number
}

export function addKeysCommand(program: Command, output: Output): void {
  const keys = program
    .command('keys')
    .summary('say who may ask the services for features')
    .description('Makes, lists and revokes the API keys that the serving layer takes (TIDEMARK_AUTH_API_KEYS=true). They are in the registers of the services, which the environment names.')
  addKeyCommand(keys, 'create', 'make a key', `Makes a key, and prints it: nothing shows it again. It is taken ${SOON}.`)
    .requiredOption('--name <name>', 'whose it is; logs have it')
    .addOption(new Option('--scopes <scopes>', `what it may, with commas between: ${SCOPE_NAMES.join(', ')}`).argParser(readScopes).makeOptionMandatory())
    .option('--expires <duration>', 'after how long it is refused: 90d (default: never)', readExpiry)
    .addHelpText('after', `\nScopes:\n${SCOPE_NAMES.map((scope) => `  ${scope.padEnd(15)}${SCOPES[scope]}`).join('\n')}\n\nExample:\n  tidemark keys create --servers --name fraud-model --scopes features:read --expires 90d`)
    .action(async ({ name, scopes, expires }: CreateOptions) => {
      const createdAtMs = createSystemClock().nowMs()
      const expiresAtMs = expires === undefined ? null : createdAtMs + expires
      const { place, made: { text, stored } } = await withStores(ON_SERVERS, STORES, async ({ registers, place }) => ({ place, made: await createKey(registers, { name, scopes, createdAtMs, expiresAtMs }, randomBytes) }))
      output.answer({ ...place, key: text, ...shown(stored) }, () => text)
      output.remark(`This is the only time that the key is shown; ${SOON} it is taken.`)
    })
  addKeyCommand(keys, 'list', 'the keys that there are', 'Lists the keys: whose they are and what they may, not what they are.')
    .action(async () => {
      const { place, all } = await withStores(ON_SERVERS, STORES, async ({ registers, place }) => ({ place, all: (await readKeys(registers)).keys }))
      const nowMs = createSystemClock().nowMs()
      output.answer({ ...place, keys: all.map(shown) }, () => (all.length === 0 ? 'There are no keys.' : tableText(output.colors, ['id', 'name', 'scopes', 'made', 'expires'], all.map(({ id, name, scopes, createdAtMs, expiresAtMs }) =>
        [id, name, scopes.join(', '), formatTime(createdAtMs), expiresAtMs === null ? 'never' : `${formatTime(expiresAtMs)}${expiresAtMs <= nowMs ? ', has expired' : ''}`]))))
    })
  addKeyCommand(keys, 'revoke', 'refuse a key from here on', `Removes a key, which is refused ${SOON}, as long as the serving layer reaches its registers.`)
    .argument('<id>', 'as `tidemark keys list` shows it')
    .addHelpText('after', '\nExample:\n  tidemark keys revoke --servers 4QzGk1v0xY7a')
    .action(async (id: string) => {
      const { place, revoked } = await withStores(ON_SERVERS, STORES, async ({ registers, place }) => ({ place, revoked: await revokeKey(registers, id) }))
      output.answer({ ...place, revoked: shown(revoked) }, () => `${output.colors.green('revoked')} ${revoked.id} of ${revoked.name}; it is refused ${SOON}`)
    })
}

function addKeyCommand(keys: Command, name: string, summary: string, description: string): Command {
  return keys.command(name).summary(summary).description(description).requiredOption('--servers', 'of the services: `tidemark dev` listens on loopback, and asks nobody')
}

function shown({ id, name, scopes, createdAtMs, expiresAtMs }: StoredKey): object {
  return { id, name, scopes, createdAt: formatTime(createdAtMs), expiresAt: expiresAtMs === null ? null : formatTime(expiresAtMs) }
}

function readScopes(text: string): readonly Scope[] {
  const names = [...new Set(text.split(',').map((name) => name.trim()))]
  const unknown = names.find((name) => !Object.hasOwn(SCOPES, name))
  if (unknown === undefined) return names as Scope[]
  throw usageError(`There is no scope ${JSON.stringify(unknown)}.`, '--scopes', `Give some of ${SCOPE_NAMES.join(', ')}, with commas between.`)
}

function readExpiry(text: string): number {
  const durationMs = parseDurationMs(text)
  if (durationMs !== null) return durationMs
  throw usageError(`${JSON.stringify(text)} is no duration.`, '--expires', 'Write 90d, or 12h.')
}
