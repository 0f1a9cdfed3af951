// promtool itself reads the rules and runs their cases: the one of this machine, or Debian's, which is fetched as servers are.
import { spawnSync } from 'node:child_process'
import { beforeAll, describe, expect, it } from '@jest/globals'
import { findPromtool } from '@tidemark/servers/promtool'
import { ALERTS_FILE, ALERTS_TESTS_FILE } from './alert-rules.ts'

describe('promtool', () => {
  let promtool = ''
  beforeAll(async () => {
    promtool = await findPromtool()
  })

  it.each([['check', ALERTS_FILE], ['test', ALERTS_TESTS_FILE]])('finds nothing wrong: %s rules', (what, file) => {
    const { status, stdout, stderr } = spawnSync(promtool, [what, 'rules', file], { encoding: 'utf8' })
    expect([status, `${stdout}${stderr}`]).toEqual([0, expect.stringContaining('SUCCESS')])
  })
})
