// Log lines that a disk or a pipe does not take.
import { describe, expect, it } from '@jest/globals'
import { Metrics } from '@tidemark/observability/metrics'
import { LogOutput } from './log-output.ts'
import { createServiceLog } from './service-log.ts'

const failure = (code: string): Error => Object.assign(new Error(code), { code })

/** Takes so many bytes at a time; throws what is to be thrown. */
function world() {
  const world = { text: '', takes: Infinity, fails: null as string | null }
  const lost = { value: 0 }
  const output = new LogOutput({
    lost,
    write: (bytes) => {
      if (world.fails !== null) throw failure(world.fails)
      if (world.takes === 0) throw failure('EAGAIN')
      const count = Math.min(world.takes, bytes.length)
      world.takes -= count
      world.text += Buffer.from(bytes.subarray(0, count)).toString()
      return count
    },
  })
  return { world, lost, output }
}

describe('LogOutput', () => {
  it.each(['ENOSPC', 'EPIPE', 'EIO'])('loses the lines that %s does not let it write, counts them, and goes on', (code) => {
    const { world: it, lost, output } = world()
    output.write('one\n')
    it.fails = code
    output.write('two\n')
    output.write('three\n')
    it.fails = null
    output.write('four\n')
    expect([it.text, lost.value]).toEqual(['one\nfour\n', 2])
  })

  it('keeps what a full pipe does not take, whole and in order', () => {
    const { world: it, lost, output } = world()
    it.takes = 6
    output.write('first\n')
    output.write('second\n')
    it.takes = 3
    output.write('third\n')
    expect(it.text).toBe('first\nsec')
    it.takes = Infinity
    output.write('fourth\n')
    expect([it.text, lost.value]).toEqual(['first\nsecond\nthird\nfourth\n', 0])
  })

  it('keeps no more than its limit', () => {
    const { world: it, lost, output } = world()
    it.takes = 0
    const line = `${'x'.repeat(99_999)}\n`
    for (let i = 0; i < 20; i++) output.write(line)
    expect(lost.value).toBe(10)
    it.takes = Infinity
    output.write('\n')
    expect(it.text.length).toBe(1_000_001)
  })
})

describe('a log line', () => {
  it('says which span it belongs to', () => {
    const said: Record<string, unknown>[] = []
    let span: { traceId: string; spanId: string } | null = null
    const log = createServiceLog({ service: 'test', level: 'info', metrics: new Metrics(), spanOf: () => span as never, destination: { write: (line) => void said.push(JSON.parse(line) as Record<string, unknown>) } })
    log.info('before')
    span = { traceId: '0af7', spanId: 'b7ad' }
    log.child({ member: 'a' }).warn('within')
    expect(said).toMatchObject([{ msg: 'before' }, { msg: 'within', member: 'a', trace_id: '0af7', span_id: 'b7ad' }])
    expect(said[0]).not.toHaveProperty('trace_id')
  })
})
