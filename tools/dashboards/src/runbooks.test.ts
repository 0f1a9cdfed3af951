// Each alert has its section in docs/runbooks.md: what it means, where to look, what mends it, how one knows that it is mended; and what a section names is
// there: scripts, manifests, panels, other sections. The commands of `tidemark` are run by apps/cli/src/runbooks.test.ts.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { readAlertRules } from './alert-rules.ts'
import { generateDashboards } from './dashboards.ts'

interface Section {
  readonly name: string
  readonly text: string
}

const ROOT = join(import.meta.dirname, '../../..')
const PARTS = ['Means', 'Look', 'Mend', 'Mended']
const COMMAND = /`((?:tidemark|npm run|kubectl) [^`]+)`/g
const LAYERS = ['archiver', 'speed-layer', 'batch-layer', 'serving-layer']
/** kubectl's words for kinds that have other names in manifests. */
const KINDS: Readonly<Record<string, string>> = { hpa: 'horizontalpodautoscaler' }

const text = readFileSync(join(ROOT, 'docs/runbooks.md'), 'utf8')
const [introduction, ...rest] = text.split(/^## /m)
const sections: readonly Section[] = rest.map((section) => ({ name: section.slice(0, section.indexOf('\n')), text: section }))
const commandsOf = (of: string): string[] => [...of.matchAll(COMMAND)].map(([, command]) => command!)
const partOf = ({ text: section }: Section, part: string): string => section.split(/^- \*\*/m).find((each) => each.startsWith(`${part}:**`)) ?? ''

describe('the runbooks', () => {
  it('have a section for each alert, and no other', () => {
    expect(sections.map(({ name }) => name).sort()).toEqual(readAlertRules().map(({ alert }) => alert).sort())
  })

  it('say of each what it means, where to look, what mends it, and how one knows', () => {
    for (const section of sections) expect([section.name, PARTS.filter((part) => partOf(section, part).length < 20)]).toEqual([section.name, []])
  })

  it('name a command in each section', () => {
    expect(sections.filter(({ text: section }) => commandsOf(section).length === 0).map(({ name }) => name)).toEqual([])
  })

  it('name scripts that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly scripts: object }
    const named = commandsOf(text).flatMap((command) => /^npm run (?:-s )?(\S+)/.exec(command)?.[1] ?? [])
    expect(named.length).toBeGreaterThan(3)
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })

  it('name what the manifests have', () => {
    const manifests = parseAllDocuments(readFileSync(join(ROOT, 'k8s/rendered/production.yaml'), 'utf8')).map((document) => document.toJS() as { readonly kind: string; readonly metadata: { readonly name: string } })
    const known = new Set(manifests.map(({ kind, metadata: { name } }) => `${kind.toLowerCase()}/${name}`))
    const named = commandsOf(text).filter((command) => command.startsWith('kubectl ')).flatMap((command) => [...command.matchAll(/ ([a-z]+)\/([a-zA-Z-]+)/g)])
      
      .flatMap(([, kind, name]) => (name === 'LAYER' ? LAYERS : [name!]).map((each) => `${KINDS[kind!] ?? kind}/${each}`))
    expect(named.length).toBeGreaterThan(20)
    expect([...new Set(named)].filter((each) => !known.has(each))).toEqual([])
  })

  it('name panels that there are', () => {
    const titles = new Set([...generateDashboards().values()].flatMap(({ panels = [] }) => panels.map(({ title }) => title)))
    const named = [...text.matchAll(/"([A-Z][^"]+)"/g)].map(([, title]) => title!)
    expect(named.length).toBeGreaterThan(40)
    expect(named.filter((title) => !titles.has(title))).toEqual([])
  })

  it('point to sections that there are', () => {
    const anchors = sections.map(({ name }) => name.toLowerCase())
    expect([...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor!).filter((anchor) => !anchors.includes(anchor))).toEqual([])
    expect(introduction).toContain('alerts.yml')
  })
})
