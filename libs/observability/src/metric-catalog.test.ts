// The list of metrics, its reference and Prometheus' rules for names hold together.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { METRICS, type MetricDescription } from './metric-catalog.ts'

const reference = readFileSync(join(import.meta.dirname, '../../../docs/metrics.md'), 'utf8').split('\n')
const metrics = Object.entries<MetricDescription>(METRICS)

describe('the list of metrics', () => {
  it('is docs/metrics.md, row by row', () => {
    const rows = metrics.map(([name, { kind, labels, help }]) => `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`)
    expect(reference.filter((line) => line.startsWith('| `tidemark_'))).toEqual(rows)
  })

  it('names what Prometheus takes: counters end with _total, and units are base units', () => {
    for (const [name, { kind, labels, bounds = [] }] of metrics) {
      expect(name).toMatch(/^[a-z]+(_[a-z]+)+$/)
      expect([name, name.endsWith('_total')]).toEqual([name, kind === 'counter'])
      expect(name).not.toMatch(/_(ms|millis|minutes|kb|mb)(_|$)/)
      expect(labels).not.toContain('service')
      expect([...bounds]).toEqual([...bounds].sort((a, b) => a - b))
      expect(kind === 'histogram').toBe(bounds.length > 0)
    }
  })
})
