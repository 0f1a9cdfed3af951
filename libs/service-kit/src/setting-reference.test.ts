// What a service says that it can be told: the same as what it reads, each variable once.
import { describe, expect, it } from '@jest/globals'
import { onlyWhere, whereGiven } from './optional-group.ts'
import { askedReference } from './service-arguments.ts'
import { flag, oneOf, text, wholeNumber } from './setting-kinds.ts'
import { settingsReference } from './setting-reference.ts'
import { settingsGroup } from './settings.ts'

const group = settingsGroup({
  prefix: 'TIDEMARK_A_',
  variables: {
    HOST: text('Give a host.').describe('Where it is.'),
    PORT: wholeNumber(1, 9).default(7).describe('Which port.'),
    USER: text('Give a name.').optional().meta({ description: 'Who.', unset: 'nobody' }),
    PASSWORD: text('Give a password.').optional().describe('How it proves it.'),
    MODE: oneOf('a', 'b').optional(),
  },
  secrets: ['PASSWORD'],
  become: () => null,
})
const other = settingsGroup({ prefix: 'TIDEMARK_B_', variables: { TIDEMARK_A_PORT: wholeNumber(1, 9).default(7).describe('Which port.'), NODES: text('Give nodes.').describe('Nodes.'), FAST: flag.default(false).describe('Whether it is.') }, become: () => null })
const row = (variable: string): unknown => settingsReference({ group, other: whereGiven('TIDEMARK_B_NODES', other) }).find((reference) => reference.variable === variable)

describe('the reference of settings', () => {
  it('says of each what it may be, and what is taken where it is not given', () => {
    expect(row('TIDEMARK_A_HOST')).toEqual({ variable: 'TIDEMARK_A_HOST', description: 'Where it is.', expected: 'a host', isRequired: true, isSecret: false })
    expect(row('TIDEMARK_A_PORT')).toEqual({ variable: 'TIDEMARK_A_PORT', description: 'Which port.', expected: 'a whole number from 1 to 9', isRequired: false, default: '7', isSecret: false })
    expect(row('TIDEMARK_A_USER')).toMatchObject({ isRequired: false, unset: 'nobody' })
    expect(row('TIDEMARK_A_PASSWORD')).toMatchObject({ isSecret: true })
    expect(row('TIDEMARK_A_MODE')).toEqual({ variable: 'TIDEMARK_A_MODE', description: '', expected: 'one of a, b', isRequired: false, isSecret: false })
  })

  it('says what is asked for only somewhere, and nothing of it that is asked for anyway', () => {
    expect(row('TIDEMARK_B_FAST')).toMatchObject({ onlyWhere: 'TIDEMARK_B_NODES is given' })
    expect(row('TIDEMARK_B_NODES')).toEqual({ variable: 'TIDEMARK_B_NODES', description: 'Nodes.', expected: 'nodes', isRequired: false, unset: 'there is none', isSecret: false })
    const flagged = settingsReference({ flagged: onlyWhere('TIDEMARK_B', 'Whether.', group), group })
    expect(flagged.map(({ variable, onlyWhere: where }) => [variable, where])).toEqual([['TIDEMARK_B', undefined], ...group.references.map(({ variable }) => [variable, undefined])])
  })

  it('is printed where it is asked for, as a table or as JSON, and an argument that is not known is refused', () => {
    const service = { name: 'archiver', settings: { group, other: onlyWhere('TIDEMARK_B', 'Whether.', other) } }
    expect(askedReference([], service)).toBeNull()
    const printed = askedReference(['--print-config-reference'], service)!
    expect(printed).toContain('| `TIDEMARK_A_PASSWORD`* | How it proves it. | a password |  |\n')
    expect(printed).toContain('\nOnly where TIDEMARK_B is true:\n')
    expect(JSON.parse(askedReference(['--print-config-reference', '--json'], service)!)).toEqual({ service: 'archiver', settings: settingsReference(service.settings) })
    for (const args of [['--print-config'], ['--json'], ['start'], ['--print-config-reference=1']]) {
      expect(() => askedReference(args, service)).toThrow(expect.objectContaining({ code: 'USAGE' }))
    }
  })
})
