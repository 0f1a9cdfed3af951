import { describe, expect, it, jest } from '@jest/globals'
import { Writable } from 'node:stream'
import { EXIT, tellFailure } from './failure.ts'
import { createOutput, type Output, tableText } from './output.ts'
import { createProgress } from './progress.ts'

/** A stream that keeps what is written, and tells when a text has been. */
class Screen extends Writable {
  readonly isTTY: boolean
  readonly columns = 80
  text = ''
  private wanted = ''
  private readonly seen = Promise.withResolvers<string>()

  constructor(isTTY: boolean) {
    super({ decodeStrings: false })
    this.isTTY = isTTY
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.text += chunk
    if (this.wanted !== '' && this.text.includes(this.wanted)) this.seen.resolve(this.text)
    done()
  }

  shows(text: string): Promise<string> {
    this.wanted = text
    return this.seen.promise
  }
}

function outputOn(isTTY: boolean, environment: NodeJS.ProcessEnv = {}, isJson = false): { output: Output; out: Screen; err: Screen } {
  const [out, err] = [new Screen(isTTY), new Screen(isTTY)]
  return { output: createOutput(isJson, out, err, environment), out, err }
}

describe('output', () => {
  it('has colours on a terminal only, and never with NO_COLOR', () => {
    const hasColours = (isTTY: boolean, environment: NodeJS.ProcessEnv): boolean => outputOn(isTTY, environment).output.colors.isColorSupported
    expect([hasColours(true, {}), hasColours(false, {}), hasColours(true, { NO_COLOR: '1' }), hasColours(true, { TERM: 'dumb' }), hasColours(false, { CI: 'true' })])
      .toEqual([true, false, false, false, false])
  })

  it('shows control characters of what it prints, which a terminal would obey, as escapes, and leaves its own colours', () => {
    const hostile = 'a\u001b]0;x\u0007\u001b[2J\r\u009b31m\tb\n'
    const shown = 'a\\u001b]0;x\\u0007\\u001b[2J\\u000d\\u009b31m\tb\n\n'
    for (const isTTY of [false, true]) {
      const { output, out, err } = outputOn(isTTY)
      output.answer({}, () => hostile)
      output.event({}, () => hostile)
      output.remark(hostile)
      output.failure({}, hostile)
      expect([out.text, err.text]).toEqual([shown + shown, shown + shown])
    }
    const coloured = outputOn(true)
    coloured.output.remark(coloured.output.errorColors.red('error'))
    expect(coloured.err.text).toBe('\u001b[31merror\u001b[39m\n')
    const plain = outputOn(false)
    plain.output.remark('\u001b[31mfrom a file')
    expect(plain.err.text).toBe('\\u001b[31mfrom a file\n')
  })

  it('lays tables out in columns, and shortens what is too long for one', () => {
    const text = tableText(outputOn(false).output.colors, ['name', 'n'], [['a', 1], ['b'.repeat(100), 12_345]])
    expect(text.split('\n')).toEqual([`name${' '.repeat(70)}     n`, `a${' '.repeat(73)}     1`, `${'b'.repeat(71)}…  12,345`])
  })

  it('tells an unexpected error as a fault of its own, with the stack and the request to report it', () => {
    const text = outputOn(false)
    expect(tellFailure(text.output, new Error('no such luck'))).toBe(EXIT.bug)
    expect(text.err.text).toMatch(/^unexpected error .*Please report it[\s\S]*no such luck[\s\S]* at /)
    const json = outputOn(false, {}, true)
    tellFailure(json.output, new Error('no such luck'))
    expect(JSON.parse(json.out.text)).toMatchObject({ bug: { message: 'no such luck', stack: expect.stringContaining(' at ') } })
    expect(json.err.text).toBe('')
  })
})

describe('progress', () => {
  const AT_ONCE = { onTerminal: 1, elsewhere: 1 }

  it('is shown on a terminal once the work takes long, and leaves nothing behind', async () => {
    const { output, err } = outputOn(true)
    using progress = createProgress(output, err, AT_ONCE)
    progress.step('reading')
    await err.shows('reading …')
    progress.step('computing')
    progress.advance(1_000, 2_000)
    await err.shows('░ 1,000 of 2,000, ')
    progress[Symbol.dispose]()
    expect(err.text.endsWith('\u001b[2K')).toBe(true)
  })

  it('is a line elsewhere, without a bar, where the work takes very long', async () => {
    const { output, err } = outputOn(false)
    using progress = createProgress(output, err, AT_ONCE)
    progress.step('replaying')
    progress.reach(0.5, () => '7 records')
    await err.shows('\n')
    progress[Symbol.dispose]()
    expect(err.text).toMatch(/^(replaying 7 records, 50%, \d s\n)+$/)
  })

  it('says how long the rest may take, once that is no guess', () => {
    jest.useFakeTimers()
    try {
      const { output, err } = outputOn(false)
      using progress = createProgress(output, err)
      progress.step('reading')
      jest.advanceTimersByTime(10_000)
      progress.step('replaying')
      const shownAfterMs = (doneShare: number, afterMs: number): string => {
        progress.reach(doneShare, () => '')
        err.text = ''
        jest.advanceTimersByTime(afterMs)
        return err.text
      }
      expect(shownAfterMs(0.04, 20_000)).toContain(', 4%, 30 s')
      expect(shownAfterMs(0.4, 30_000)).toContain(', 40%, about 75 s to go, 60 s')
      expect(shownAfterMs(0.2, 30_000)).toContain(', 20%, about 5 min to go, 90 s')
    } finally {
      jest.useRealTimers()
    }
  })

  it('is not shown with --json, nor for work that ends soon', () => {
    for (const { output, err } of [outputOn(false), outputOn(true, {}, true), outputOn(true)]) {
      const progress = createProgress(output, err)
      progress.advance(1, 2)
      progress[Symbol.dispose]()
      expect(err.text).toBe('')
    }
  })
})
