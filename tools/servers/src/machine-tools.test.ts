import { describe, expect, it } from '@jest/globals'
import { demandTools, type FindTool } from './machine-tools.ts'

const find = (versions: Partial<Record<string, number>>): FindTool => (tool) => versions[tool]

describe('demandTools', () => {
  const needs = [
    { tool: 'java', neededBy: 'kafka (kafka 4.1.2)', least: 17 },
    { tool: 'mvn', neededBy: 'kafka (kafka 4.1.2)' },
    { tool: 'java', neededBy: 'cassandra (cassandra 5.0.9)', least: 17, most: 17 },
    { tool: 'mvn', neededBy: 'cassandra (cassandra 5.0.9)' },
    { tool: 'go', neededBy: 's3 (minio v0)' },
  ] as const

  it('is content when all are there in a version that will do', () => {
    expect(() => demandTools(needs, find({ java: 17, mvn: 3, go: 1 }))).not.toThrow()
  })

  it('says all that is missing at once: what, who needs it, what to do', () => {
    expect(() => demandTools(needs, find({ java: 17 }))).toThrow([
      'Tools are missing on this machine:',
      '  mvn is not there, or does not run',
      '    needed by  kafka (kafka 4.1.2), cassandra (cassandra 5.0.9)',
      '    do         Install Maven (Debian: maven) and put it on PATH.',
      '  go is not there, or does not run',
      '    needed by  s3 (minio v0)',
      '    do         Install Go 1.24 or newer and put it on PATH.',
    ].join('\n'))
  })

  it('says which version is asked for, to each by its own need', () => {
    expect(() => demandTools(needs, find({ java: 21, mvn: 3, go: 1 }))).toThrow(/java has version 21, and 17 is asked for\n +needed by {2}cassandra \(cassandra 5\.0\.9\)\n/)
    expect(() => demandTools(needs, find({ java: 11, mvn: 3, go: 1 }))).toThrow(/java has version 11, and 17 or newer is asked for\n +needed by {2}kafka/)
  })
})
