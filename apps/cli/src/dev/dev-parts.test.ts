// The parts of `tidemark dev` that need no process: what counts as a change, what a folder knows of definitions, and commands that work.
import { describe, expect, it } from '@jest/globals'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMemoryRegisterStore } from '@tidemark/adapter-memory/memory-register-store'
import { count } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import type { Definitions } from '@tidemark/feature-schema/definition'
import { boolean, double, eventSource, featureService, featureView, int64, string, timestamp } from '@tidemark/feature-schema/dsl'
import { compileEventDecoder, isRejected } from '@tidemark/feature-schema/event-decoder'
import type { Degradation, DegradationCode, FeatureAnswer } from '@tidemark/pipelines/serve/feature-answer'
import { catalogOf } from '@tidemark/pipelines/serve/feature-catalog'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { Revision } from '@tidemark/ports/revision'
import { registerDefinitions, registeredSources, registeredViews } from '@tidemark/pipelines/definitions/definition-registry'
import { markOfModules } from './definition-file.ts'
import { exampleRequests } from './example-requests.ts'
import { untilFresh, WAIT_MAX_MS } from './until-fresh.ts'

const trips = (version = 1, nullable = false) => eventSource('trips', {
  version, eventTime: 'at',
  fields: { at: timestamp(), driver: string(), fare: nullable ? double().nullable() : double(), count: int64().between(5, 9), shared: boolean(), "o'clock": string() },
})

function definitions(version = 1, windows: ['1h'] | ['2h'] = ['1h'], source = trips()): Definitions {
  const drivers = featureView('drivers', { version, source, entity: { driver: 'who', passengers: 'count' }, derive: { who: string('upper(driver)') }, features: { trips: count().over(...windows) } })
  return collectDefinitions([source, drivers, featureService('model', { version, features: [drivers[`trips_${windows[0]}` as keyof typeof drivers] as never] })])
}

function registerStore(): RegisterStore {
  let counter = 0
  return createMemoryRegisterStore({ newRevision: () => `r${counter++}` as unknown as Revision })
}

describe('definitions in a folder', () => {
  it('are noted once, and compared by what they mean', async () => {
    const registers = registerStore()
    await registerDefinitions(registers, definitions())
    await registerDefinitions(registers, definitions())
    const described = definitions()
    await registerDefinitions(registers, { ...described, views: described.views.map((view) => ({ ...view, description: 'others' })) })
    await registerDefinitions(registers, definitions(2, ['2h']))
    expect((await registeredViews(registers)).map(({ view: { name, version }, source }) => [name, version, source.name])).toEqual([['drivers', 1, 'trips'], ['drivers', 2, 'trips']])
  })

  it('are refused where a version means something else, all at once, and then nothing is noted', async () => {
    const registers = registerStore()
    await registerDefinitions(registers, definitions())
    await registerDefinitions(registers, definitions(2, ['2h']))
    // Version 1 is not forgotten by version 2.
    await expect(registerDefinitions(registers, definitions(1, ['2h']))).rejects.toMatchObject({ problems: [{ code: 'DEFINITION_INVALID', where: 'view drivers' }, { where: 'service model' }] })
    await expect(registerDefinitions(registers, definitions(3, ['1h'], trips(1, true)))).rejects.toMatchObject({ problems: [{ where: 'source trips', message: expect.stringContaining('field fare') }] })
    expect((await registeredViews(registers)).map(({ view }) => view.version)).toEqual([1, 2])
    await registerDefinitions(registers, definitions(3, ['1h'], trips(2, true)))
    expect((await registeredSources(registers)).map(({ version }) => version)).toEqual([2])
  })

  it('are judged too where another process was faster', async () => {
    const registers = registerStore()
    const slow: RegisterStore = {
      ...registers,
      async compareAndSet(name, expected, bytes) {
        await registerDefinitions(registers, definitions(1, ['2h']))
        return registers.compareAndSet(name, expected, bytes)
      },
    }
    await expect(registerDefinitions(slow, definitions())).rejects.toMatchObject({ code: 'DEFINITION_INVALID' })
  })
})

describe('the mark of modules', () => {
  it('changes with a file and with what it imports, also where that comes and goes', () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tidemark-modules-')))
    try {
      const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)
      const marks = new Set<string>()
      const mark = (): number => marks.add(markOfModules(join(folder, 'a.ts'))).size
      expect(mark()).toBe(1)
      write('a.ts', `import { b } from './b.ts'\nexport * from "./c.ts"`)
      expect(mark()).toBe(2)
      write('b.ts', `import './a.ts'\nimport('./d.ts')`)
      expect(mark()).toBe(3)
      write('c.ts', '1')
      expect(mark()).toBe(4)
      write('d.ts', '1')
      expect(mark()).toBe(5)
      write('elsewhere.ts', '1')
      rmSync(join(folder, 'd.ts'))
      // As it was before d.ts came.
      expect(mark()).toBe(5)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('waiting until answers are fresh', () => {
  const degraded = (code: DegradationCode): Degradation => ({ code, view: 'drivers', message: 'It is so.' })

  /** The answers' degradations in turn, the last again and again. */
  async function wait(...inTurn: Degradation[][]): Promise<{ late: readonly Degradation[]; tookMs: number; told: (readonly Degradation[])[] }> {
    let nowMs = 0
    const clock = { nowMs: () => nowMs, steadyMs: () => nowMs, wait: (durationMs: number) => Promise.resolve(void (nowMs += durationMs)) }
    const told: (readonly Degradation[])[] = []
    const answer = (): Promise<FeatureAnswer> => Promise.resolve({ degraded: inTurn.length > 1 ? inTurn.shift()! : inTurn[0]! } as unknown as FeatureAnswer)
    const system = { server: { answer }, catalog: () => catalogOf(definitions()) }
    const late = await untilFresh({ system, clock, signal: new AbortController().signal, onWait: (waited) => told.push(waited) })
    return { late, tookMs: nowMs, told }
  }

  it('ends when no stream is silent or behind, and waits for nothing that waiting does not mend', async () => {
    const { late, tookMs, told } = await wait([degraded('SPEED_SILENT')], [degraded('SPEED_LAGGING')], [degraded('PARTITION_STOPPED')])
    expect([late, told]).toEqual([[], []])
    expect(tookMs).toBeGreaterThan(0)
  })

  it('says once what it waits for, and gives up with it', async () => {
    const lagging = [degraded('SPEED_LAGGING')]
    expect(await wait(lagging)).toEqual({ late: lagging, tookMs: WAIT_MAX_MS, told: [lagging] })
  })
})

describe('example requests', () => {
  const bodyOf = (command: string): unknown => JSON.parse(/ -d '(.*)'$/.exec(command)![1]!.replaceAll(`'\\''`, `'`).replace(/'"\$\(date [^)]*\)"'/, new Date().toISOString()))

  it('fit the source, and ask for the entity of the event that they send', () => {
    const { sources: [source], ...others } = definitions()
    const { send, ask } = exampleRequests('http://127.0.0.1:1', catalogOf({ sources: [source!], ...others }), Date.now())!
    const event = bodyOf(send)
    expect(isRejected(compileEventDecoder(source!).decodeObject(event))).toBe(false)
    expect(event).toMatchObject({ driver: 'driver-1', count: 5 })
    expect(bodyOf(ask)).toEqual({ service: 'model', entities: [{ driver: 'DRIVER-1', passengers: 5 }] })
  })

  it('ask for features by name where there is no service, and are none where there are no events', () => {
    const { services: _, ...rest } = definitions()
    expect(bodyOf(exampleRequests('http://127.0.0.1:1', catalogOf({ ...rest, services: [] }), 0)!.ask)).toMatchObject({ features: ['drivers:trips_1h'] })
    expect(exampleRequests('http://127.0.0.1:1', { plans: [], services: [] }, 0)).toBeNull()
  })
})
