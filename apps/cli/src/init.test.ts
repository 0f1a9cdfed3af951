import { describe, expect, it, jest } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { makeFolder, runShell, stub } from './testing/run-cli.ts'

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')

// Each test starts processes, on a machine that may be busy.
jest.setTimeout(60_000)

describe('tidemark init', () => {
  it('makes a project far from the workspace whose README commands work as they are printed', async () => {
    using folder = makeFolder()
    const made = await folder.run('init', 'my features')
    expect(made).toMatchObject({ code: 0, stderr: '' })
    const project = join(folder.path, 'my features')
    expect(readdirSync(project).sort()).toEqual(['README.md', 'events.csv', 'features.ts', 'rows.csv', 'tsconfig.json'])

    const readme = readFileSync(join(project, 'README.md'), 'utf8')
    const commands = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block]) => block!.trim().split('\n'))
    expect(commands.length).toBeGreaterThanOrEqual(7)
    const printed = made.stdout.split('\n').filter((line) => line.startsWith('  ')).map((line) => line.trim())
    expect(printed).toHaveLength(3)
    const outputs: string[] = []
    for (const command of commands) {
      const { code, stdout, stderr } = await runShell(command, project)
      expect({ command, code, stderr: stderr.replace(/^rejected 2 of 400 records[\s\S]*/, '') }).toEqual({ command, code: 0, stderr: '' })
      if (command.includes('--events') && !command.includes('--json')) expect(stderr).toContain('events.csv, record 112: field amount')
      outputs.push(stdout)
    }
    expect(outputs.at(-1)).toMatch(/^equal 1,320 values of 60 rows compared/)
    expect(await runShell(printed.slice(0, 2).join(' && '), folder.path)).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('sound features.ts') })

    const training = readFileSync(join(project, 'training.csv'), 'utf8').trimEnd().split('\n')
    const rows = readFileSync(join(project, 'rows.csv'), 'utf8').trimEnd().split('\n')
    expect(training).toHaveLength(rows.length)
    rows.forEach((row, i) => expect(training[i]!.startsWith(`${row},`)).toBe(true))
  })

  it('gives the editor its types, is the same each time, and refuses a folder that is not empty', async () => {
    using folder = makeFolder()
    const [a, b] = await Promise.all([folder.run('init', 'a'), folder.run('init', 'b')])
    expect([a.code, b.code]).toEqual([0, 0])
    for (const file of ['events.csv', 'rows.csv', 'features.ts']) {
      expect(readFileSync(join(folder.path, 'a', file), 'utf8')).toBe(readFileSync(join(folder.path, 'b', file), 'utf8'))
    }
    execFileSync(process.execPath, [tsc, '-p', join(folder.path, 'a')])
    const refused = await folder.json('init', 'a')
    expect(refused).toMatchObject({ code: 4, document: { error: { code: 'OUTPUT_FAILED', problems: [{ where: 'a', action: expect.stringContaining('Name another folder') }] } } })
  })

  it('is started by the stub under any Node, which tells the version', async () => {
    using folder = makeFolder()
    expect(await runShell(`node '${stub}' --version`, folder.path)).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' })
  })
})
