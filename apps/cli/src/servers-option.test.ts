// Commands with --servers, before there are any: what is wrong with how they are called and with their settings, and servers that are away or say nothing.
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { describe, expect, it, jest } from '@jest/globals'
import { makeFolder, type Ended } from './testing/run-cli.ts'

// Each test starts processes, on a machine that may be busy.
jest.setTimeout(120_000)

const SECRET = 'a-secret-that-nobody-may-read'
const NOWHERE = '127.0.0.1:1'
/** Of the machine that runs this suite nothing is taken: an empty variable is not given. */
const NOTHING = Object.fromEntries(Object.keys(process.env).filter((name) => name.startsWith('TIDEMARK_')).map((name) => [name, '']))
const CASSANDRA = { TIDEMARK_CASSANDRA_CONTACT_POINTS: NOWHERE, TIDEMARK_CASSANDRA_DATA_CENTER: 'dc1' }
const OTHERS = { TIDEMARK_KAFKA_BROKERS: NOWHERE, TIDEMARK_REDIS_STATE_NODES: NOWHERE }

const COMMANDS = [['pointer', 'show'], ['dead-letters', 'list'], ['append-time', 'declare', '0', '17', '--as-stamped']] as const

interface Failed {
  readonly error: { readonly code: string; readonly problems: readonly { readonly code: string; readonly message: string; readonly where: string }[] }
}

const run = (args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> => {
  const folder = makeFolder()
  return folder.start([...args, '--servers', '--json'], { ...NOTHING, ...environment }).ended.finally(() => folder[Symbol.dispose]())
}

const errorOf = ({ stdout }: Ended): Failed['error'] => (JSON.parse(stdout) as Failed).error

describe('--servers', () => {
  it('and --data at once are a mistake', async () => {
    for (const ended of await Promise.all(COMMANDS.map((command) => run([...command, '--data', '.tidemark'])))) {
      expect([ended.code, errorOf(ended)]).toMatchObject([2, { code: 'USAGE', problems: [{ message: expect.stringContaining('--servers') }] }])
    }
  })

  it('asks for the settings of the servers that a command needs, and of no others, all at once', async () => {
    const asked = {
      pointer: ['TIDEMARK_CASSANDRA_CONTACT_POINTS', 'TIDEMARK_CASSANDRA_DATA_CENTER'],
      'dead-letters': ['TIDEMARK_CASSANDRA_CONTACT_POINTS', 'TIDEMARK_CASSANDRA_DATA_CENTER', 'TIDEMARK_KAFKA_BROKERS'],
      'append-time': ['TIDEMARK_CASSANDRA_CONTACT_POINTS', 'TIDEMARK_CASSANDRA_DATA_CENTER', 'TIDEMARK_KAFKA_BROKERS', 'TIDEMARK_REDIS_STATE_NODES'],
    }
    for (const command of COMMANDS) {
      const ended = await run(command)
      const { code, problems } = errorOf(ended)
      expect([command, ended.code, code, problems.map(({ where }) => where).sort()]).toEqual([command, 3, 'SETTINGS_INVALID', asked[command[0]]])
    }
  })

  it('is needed for keys, whose scopes and durations are judged before a server is asked', async () => {
    using folder = makeFolder()
    const without = await folder.start(['keys', 'list', '--json'], NOTHING).ended
    expect([without.code, errorOf(without)]).toMatchObject([2, { code: 'USAGE', problems: [{ message: expect.stringContaining('--servers') }] }])
    const create = ['keys', 'create', '--name', 'a']
    const wrong = [[...create], [...create, '--scopes', 'features:reed'], [...create, '--scopes', ''], [...create, '--scopes', 'operate', '--expires', 'soon']]
    for (const ended of await Promise.all(wrong.map((args) => run(args, CASSANDRA)))) expect([ended.code, errorOf(ended).code]).toEqual([2, 'USAGE'])
    const ended = await run(['keys', 'list'])
    expect(errorOf(ended).problems.map(({ where }) => where).sort()).toEqual(['TIDEMARK_CASSANDRA_CONTACT_POINTS', 'TIDEMARK_CASSANDRA_DATA_CENTER'])
  })

  it('is where definitions are applied and shown; without a terminal nobody can be asked, and a file is checked before a server', async () => {
    using folder = makeFolder()
    folder.write('wrong.json', '{}')
    const ended = await Promise.all([
      folder.start(['apply', 'wrong.json', '--json'], NOTHING).ended, folder.start(['views', '--json'], NOTHING).ended, folder.start(['apply', 'wrong.json', '--servers'], NOTHING).ended,
      folder.start(['apply', 'wrong.json', '--servers', '--yes', '--json'], NOTHING).ended,
    ])
    expect(ended.map(({ code }) => code)).toEqual([2, 2, 2, 3])
    expect(errorOf(ended[0]!).problems).toMatchObject([{ where: '--servers', action: expect.stringContaining('a folder needs no apply') }])
    expect(ended[2]!.stderr).toContain('Nobody can be asked here.')
    expect(errorOf(ended[3]!).code).toBe('DEFINITION_INVALID')
  })

  it('is what the tables are made on, and a folder has none', async () => {
    using folder = makeFolder()
    const [servers, none] = await Promise.all([run(['migrate']), folder.start(['migrate', '--json'], NOTHING).ended])
    expect([servers.code, errorOf(servers).problems.map(({ where }) => where).sort()]).toEqual([3, ['TIDEMARK_CASSANDRA_CONTACT_POINTS', 'TIDEMARK_CASSANDRA_DATA_CENTER']])
    expect([none.code, errorOf(none)]).toMatchObject([2, { code: 'USAGE', problems: [{ message: expect.stringContaining('A folder has no tables') }] }])
  })

  it('reads secrets from files, and shows none', async () => {
    using folder = makeFolder()
    folder.write('password', `${SECRET}\n`)
    const secrets = { ...CASSANDRA, ...OTHERS, TIDEMARK_CASSANDRA_USERNAME: 'u', TIDEMARK_KAFKA_SASL_PASSWORD: SECRET, TIDEMARK_KAFKA_SASL_MECHANISM: 'PLAIN' }
    const [there, away] = await Promise.all([
      run(['pointer', 'show'], { ...secrets, TIDEMARK_CASSANDRA_PASSWORD_FILE: `${folder.path}/password` }),
      run(['dead-letters', 'list'], { ...secrets, TIDEMARK_CASSANDRA_PASSWORD_FILE: `${folder.path}/none` }),
    ])
    expect([there.code, errorOf(there)]).toMatchObject([3, { code: 'STORE_UNAVAILABLE', problems: [{ where: expect.stringContaining(NOWHERE) }] }])
    expect([away.code, errorOf(away).problems.map(({ where }) => where).sort()]).toEqual([3, ['TIDEMARK_CASSANDRA_PASSWORD_FILE', 'TIDEMARK_KAFKA_SASL_USERNAME']])
    expect(there.stdout + there.stderr + away.stdout + away.stderr).not.toContain(SECRET)
  })

  it('ends at once with Ctrl-C, though a server says nothing', async () => {
    await using silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`
    using folder = makeFolder()
    const { child, ended } = folder.start(['pointer', 'show', '--servers', '--json'], { ...NOTHING, ...CASSANDRA, TIDEMARK_CASSANDRA_CONTACT_POINTS: address })
    const [connection] = (await once(silent, 'connection')) as [AsyncDisposable & { destroy(): void }]
    const askedAtMs = performance.now()
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ code: 130, stdout: '{"interrupted":true}\n' })
    expect(performance.now() - askedAtMs).toBeLessThan(5_000)
    connection.destroy()
  })
})
