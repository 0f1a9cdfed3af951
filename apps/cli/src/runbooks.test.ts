// The commands of docs/runbooks.md are commands of this program, with options and arguments that it takes: each gets as far as asking where the servers are.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, jest } from '@jest/globals'
import { makeFolder, type Folder } from './testing/run-cli.ts'
import { SENSOR_DEFINITIONS } from './testing/sensor-project.ts'

// Each command is a process, on a machine that may be busy.
jest.setTimeout(120_000)

/** Of the machine that runs this suite nothing is taken: an empty variable is not given. */
const NOTHING = Object.fromEntries(Object.keys(process.env).filter((name) => name.startsWith('TIDEMARK_')).map((name) => [name, '']))
/** What the words in capitals may be. */
const FILLED: Readonly<Record<string, string>> = { PARTITION: '3', OFFSET: '17', SOURCE: 'payments', TIME: '2024-03-14T12:00:00Z', VIEW: 'card_spending', N: '4' }

const runbooks = readFileSync(join(import.meta.dirname, '../../../docs/runbooks.md'), 'utf8')
const commands = [...new Set([...runbooks.matchAll(/`tidemark ([^`…]+)`/g)].map(([, command]) => command!))]

async function errorOf(folder: Folder, command: string): Promise<[code: number | null, error: string]> {
  const args = command.split(' ').map((word) => word.replaceAll(/^[A-Z]+(?=$|@)/g, (name) => FILLED[name] ?? name))
  // Nobody is at a terminal to be asked.
  const asked = args[0] === 'apply' ? [...args, '--dry-run'] : args
  const { code, stdout } = await folder.start([...asked, '--json'], NOTHING).ended
  return [code, (JSON.parse(stdout) as { error: { code: string } }).error.code]
}

describe('the commands of the runbooks', () => {
  it('are there, with these options', async () => {
    using folder = makeFolder()
    folder.write('features.ts', SENSOR_DEFINITIONS)
    expect(commands.length).toBeGreaterThan(7)
    const errors = await Promise.all(commands.map((command) => errorOf(folder, command)))
    expect(commands.map((command, index) => [command, ...errors[index]!])).toEqual(commands.map((command) => [command, 3, 'SETTINGS_INVALID']))
  })

  it.each(['pointer roll-back --servers --view VIEW --to N', 'pointer show --servers --vieww VIEW', 'append-time declare --servers PARTITION --at TIME'])('would be found out where it is none: %s', async (command) => {
    using folder = makeFolder()
    expect(await errorOf(folder, command)).toEqual([2, 'USAGE'])
  })
})
