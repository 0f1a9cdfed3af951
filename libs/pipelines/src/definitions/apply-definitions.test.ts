// Applying: what becomes live, what is refused because it is in use or was before, and that of two who apply at once none undoes the other.
import { describe, expect, it } from '@jest/globals'
import { count } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import type { Definitions } from '@tidemark/feature-schema/definition'
import { double, eventSource, featureService, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { encodeSealRegister, emptySealRegister } from '../log/seal-register.ts'
import { emptyPointer, replacePointer } from '../pointer.ts'
import { isWhole } from '../serve/whole-views.ts'
import { createPlainRegisters } from '../testing/plain-stores.ts'
import { APPLIED_REGISTER, readApplied, versionText, type AppliedDefinitions } from './applied-register.ts'
import { commitApply, prepareApply, type PreparedApply } from './apply-definitions.ts'
import { registerDefinitions } from './definition-registry.ts'
import { readLive } from './live-definitions.ts'

const clock = { nowMs: () => 1_700_000_000_000, steadyMs: () => 0 }

interface Shape {
  readonly view?: number
  readonly service?: number | null
  readonly source?: number
  readonly description?: string
  readonly epochLength?: '1h' | '2h'
  readonly window?: '1h' | '2h'
  readonly shops?: boolean
}

/** A source, a view of it, a service of that, and perhaps another view. */
function definitions({ view = 1, service = 1, source = 1, description, epochLength = '1h', window = '1h', shops = false }: Shape = {}): Definitions {
  const trips = eventSource('trips', { version: source, eventTime: 'at', epochLength, fields: { at: timestamp(), driver: string(), fare: double() } })
  const drivers = featureView('drivers', { version: view, source: trips, entity: { driver: 'driver' }, features: { trips: count().over(window) }, ...(description !== undefined && { description }) })
  const others = shops ? [featureView('fares', { source: trips, entity: { driver: 'driver' }, features: { fares: count().over('1h') } })] : []
  const feature = drivers[`trips_${window}` as keyof typeof drivers] as never
  return collectDefinitions([trips, drivers, ...others, ...(service === null ? [] : [featureService('model', { version: service, features: [feature] })])])
}

async function apply(registers: RegisterStore, shape: Shape, ...retire: readonly string[]): Promise<AppliedDefinitions> {
  const request = { registers, definitions: definitions(shape), retire }
  return commitApply(request, await prepareApply(request), clock, 'me')
}

const prepare = (registers: RegisterStore, shape: Shape, ...retire: readonly string[]): Promise<PreparedApply> => prepareApply({ registers, definitions: definitions(shape), retire })

async function refusal(attempt: Promise<unknown>): Promise<string[]> {
  const error = await attempt.then(() => null, (thrown: unknown) => thrown)
  if (!(error instanceof TidemarkError)) throw new Error(`It was not refused: ${String(error)}`)
  return error.problems.map(({ code, where, message }) => `${code} ${where}: ${message}`)
}

describe('an apply', () => {
  it('makes live what a file has, and what it means can be read', async () => {
    const registers = createPlainRegisters()
    const { plan } = await prepare(registers, {})
    expect(plan.changes.map(({ kind, name, version, change }) => `${kind} ${name}@${version} ${change}`)).toEqual(['source trips@1 added', 'view drivers@1 added', 'service model@1 added'])
    const applied = await apply(registers, {})
    expect(applied).toMatchObject({ revision: 1, by: 'me', views: [{ name: 'drivers', version: 1 }], services: [{ name: 'model', version: 1, views: [{ name: 'drivers', version: 1 }] }] })
    const live = await readLive(registers, applied)
    expect(live).toMatchObject({ revision: 1, views: [{ view: definitions().views[0], source: definitions().sources[0] }], services: [{ service: definitions().services[0] }] })
  })

  it('changes nothing where nothing is new', async () => {
    const registers = createPlainRegisters()
    await apply(registers, {})
    expect((await prepare(registers, {})).plan.changes).toEqual([])
    expect((await apply(registers, {})).revision).toBe(1)
  })

  it('lets a new version live beside the older one, which a service in use goes on to read', async () => {
    const registers = createPlainRegisters()
    await apply(registers, {})
    const { plan } = await prepare(registers, { view: 2, window: '2h', service: 2 })
    expect(plan.changes.map(({ kind, name, version, change, parts }) => [`${kind} ${name}@${version} ${change}`, parts])).toEqual([['view drivers@2 version', ['version', 'aggregation trips']], ['service model@2 version', ['version', 'features']]])
    const applied = await apply(registers, { view: 2, window: '2h', service: 2 })
    expect(applied.views.map(versionText)).toEqual(['drivers@1', 'drivers@2'])
    expect(applied.services.map((service) => [versionText(service), service.views.map(versionText)])).toEqual([['model@1', ['drivers@1']], ['model@2', ['drivers@2']]])
  })

  it('leaves a service of the same version with the views that it was applied with, and says so', async () => {
    const registers = createPlainRegisters()
    await apply(registers, {})
    const { plan } = await prepare(registers, { view: 2 })
    expect(plan.staying).toEqual([{ service: 'model@1', view: 'drivers@1', newest: 'drivers@2' }])
    expect((await apply(registers, { view: 2 })).services).toEqual([{ name: 'model', version: 1, views: [{ name: 'drivers', version: 1 }] }])
  })

  it('takes up other words of the same version', async () => {
    const registers = createPlainRegisters()
    await apply(registers, {})
    expect((await prepare(registers, { description: 'of a city' })).plan.changes).toMatchObject([{ kind: 'view', change: 'words', parts: ['description'] }])
    const applied = await apply(registers, { description: 'of a city' })
    expect(applied.revision).toBe(2)
    expect((await readLive(registers, applied)).views[0]!.view.description).toBe('of a city')
  })

  it('retires what it is asked to, for good', async () => {
    const registers = createPlainRegisters()
    await apply(registers, {})
    await apply(registers, { view: 2, service: 2 })
    const { plan } = await prepare(registers, { view: 2, service: 2 }, 'drivers@1', 'model@1')
    expect(plan.changes.map(({ kind, name, version, change, services }) => [`${kind} ${name}@${version} ${change}`, services])).toEqual([['view drivers@1 retired', ['model@1']], ['service model@1 retired', []]])
    const applied = await apply(registers, { view: 2, service: 2 }, 'drivers@1', 'model@1')
    expect(applied).toMatchObject({ views: [{ version: 2 }], services: [{ version: 2 }], retired: { views: [{ name: 'drivers', version: 1 }], services: [{ name: 'model', version: 1 }] } })
    expect(await refusal(prepare(registers, { view: 1, service: 2 }))).toEqual(['APPLY_REFUSED view drivers: Version 1 was retired, which is for good.'])
  })

  it('goes back to a version that is live where the newer one is retired', async () => {
    const registers = createPlainRegisters()
    await apply(registers, {})
    await apply(registers, { view: 2 })
    expect(await refusal(prepare(registers, { view: 1 }))).toEqual(['APPLY_REFUSED view drivers: The file has version 1, and version 2 was applied.'])
    expect((await apply(registers, { view: 1 }, 'drivers@2')).views.map(versionText)).toEqual(['drivers@1'])
    expect((await prepare(registers, { view: 1 })).plan.changes).toEqual([])
    expect((await apply(registers, { view: 1, shops: true })).views.map(versionText)).toEqual(['drivers@1', 'fares@1'])
    expect((await apply(registers, { view: 3, shops: true })).views.map(versionText)).toEqual(['drivers@1', 'drivers@3', 'fares@1'])
  })

  it('gives no number between one that is live and one that was retired', async () => {
    const registers = createPlainRegisters()
    await apply(registers, {})
    await apply(registers, { view: 3 })
    await apply(registers, {}, 'drivers@3')
    expect(await refusal(prepare(registers, { view: 2 }))).toEqual(['APPLY_REFUSED view drivers: The file has version 2, and version 3 was applied.'])
  })
})

describe('what an earlier release served, whose services had a file,', () => {
  it('is whole when it is applied first, whatever its stream is at; what it did not serve is not', async () => {
    const registers = createPlainRegisters()
    await replacePointer(registers, null, { ...emptyPointer('drivers@1'), n: 3 })
    expect((await prepare(registers, { shops: true })).served).toEqual(new Map([['drivers@1', 3]]))
    await apply(registers, { shops: true })
    expect([await isWhole(registers, 'drivers@1'), await isWhole(registers, 'fares@1')]).toEqual([true, false])
  })

  it('is not whole where it is a version that was applied', async () => {
    const registers = createPlainRegisters()
    await apply(registers, {})
    await replacePointer(registers, null, { ...emptyPointer('drivers@2'), n: 3 })
    await apply(registers, { view: 2 })
    expect(await isWhole(registers, 'drivers@2')).toBe(false)
  })
})

describe('is refused, and nothing becomes of it,', () => {
  it.each<[string, readonly Shape[], Shape, readonly string[], readonly string[]]>([
    ['where it breaks a service in use', [{}], { view: 2 }, ['drivers@1'], ['APPLY_REFUSED service model@1: It reads view drivers@1, which would not be live any more.']],
    ['where the file has what is to be retired', [{}], {}, ['model@1'], ['APPLY_REFUSED service model: Version 1 is to be retired, and the file has it.']],
    ['where what is to be retired is not live', [{}], {}, ['drivers@7'], ['UNKNOWN_NAME --retire: drivers@7 is not live.']],
    ['where a version means something else', [{}], { window: '2h' }, [], [
      'DEFINITION_INVALID view drivers: Version 1 means something else than where it has been used: aggregation trips.', 'DEFINITION_INVALID service model: Version 1 means something else than where it has been used: features.']],
    ['where a version is lower', [{ view: 3 }], { view: 2 }, [], ['APPLY_REFUSED view drivers: The file has version 2, and version 3 was applied.']],
    ['where views would read two versions of a source', [{}], { source: 2, view: 2 }, [], ['APPLY_REFUSED source trips: Live views would read it in versions 1 and 2: drivers@1 not in version 2.']],
  ])('%s', async (_, before, shape, retire, told) => {
    const registers = createPlainRegisters()
    for (const each of before) await apply(registers, each)
    const { applied } = await readApplied(registers)
    expect(await refusal(apply(registers, shape, ...retire))).toEqual(told)
    expect((await readApplied(registers)).applied).toEqual(applied)
  })

  it('where a removed view is read by a service that stays', async () => {
    const registers = createPlainRegisters()
    await apply(registers, { shops: true })
    const { views, ...rest } = definitions({ shops: true })
    const withoutView: Definitions = { ...rest, views: views.filter(({ name }) => name === 'fares') }
    expect(await refusal(prepareApply({ registers, definitions: withoutView }))).toEqual(['APPLY_REFUSED service model@1: It reads view drivers@1, which would not be live any more.'])
    const removed = await prepareApply({ registers, definitions: { ...withoutView, services: [] } })
    expect(removed.plan.changes.map(({ kind, name, change }) => `${kind} ${name} ${change}`)).toEqual(['view drivers removed', 'service model removed'])
  })

  it('where the log of a source was used with epochs of another length', async () => {
    const registers = createPlainRegisters()
    await registers.compareAndSet('seal/trips', null, encodeSealRegister(emptySealRegister('trips', 3_600_000)))
    expect(await refusal(apply(registers, { epochLength: '2h' }))).toEqual(['APPLY_REFUSED source trips: Its epochs would be 7200000 ms long, and those of its log are 3600000 ms.'])
  })
})

describe('of two who apply at once', () => {
  /** Applies something else just before the first compare-and-set of a register: of what is live, or before it. */
  function withRival(registers: RegisterStore, rival: () => Promise<unknown>, before = APPLIED_REGISTER): RegisterStore {
    let isFirst = true
    return {
      ...registers,
      async compareAndSet(name, expected, bytes) {
        if (name === before && isFirst) {
          isFirst = false
          await rival()
        }
        return registers.compareAndSet(name, expected, bytes)
      },
    }
  }

  it.each([APPLIED_REGISTER, 'definitions/view/drivers@2'])('the later one is told of the other, and nothing of it is live (before %s)', async (before) => {
    const registers = createPlainRegisters()
    await apply(registers, {})
    const slow = withRival(registers, () => apply(registers, { shops: true }), before)
    expect(await refusal(apply(slow, { view: 2 }))).toEqual([`REGISTRY_MOVED ${APPLIED_REGISTER}: me applied revision 2 meanwhile: view fares@1 is live.`])
    expect((await readApplied(registers)).applied).toMatchObject({ revision: 2, views: [{ name: 'drivers', version: 1 }, { name: 'fares', version: 1 }] })
  })

  it('the later one has what it wanted where the other applied the same', async () => {
    const registers = createPlainRegisters()
    await apply(registers, {})
    const slow = withRival(registers, () => apply(registers, { view: 2 }))
    expect(await apply(slow, { view: 2 })).toMatchObject({ revision: 2, views: [{ version: 1 }, { version: 2 }] })
  })

  it('the later one does not take back the words of the other unasked', async () => {
    const registers = createPlainRegisters()
    await apply(registers, {})
    const slow = withRival(registers, () => apply(registers, { description: 'other words' }))
    expect(await refusal(apply(slow, { shops: true }))).toEqual([`REGISTRY_MOVED ${APPLIED_REGISTER}: me applied revision 2 meanwhile: only words changed.`])
    const { applied } = await readApplied(registers)
    expect((await readLive(registers, applied!)).views.map(({ view }) => view.description)).toEqual(['other words'])
  })

  it('the later one is told where the same version came to mean something else, and nothing of it is live', async () => {
    const registers = createPlainRegisters()
    const compareAndSet: RegisterStore['compareAndSet'] = async (name, expected, bytes) => {
      if (name === 'definitions/view/drivers@1') await registerDefinitions(registers, definitions({ window: '2h' }))
      return registers.compareAndSet(name, expected, bytes)
    }
    expect(await refusal(apply({ ...registers, compareAndSet }, {}))).toEqual(['DEFINITION_INVALID view drivers: Version 1 means something else than where it has been used: aggregation trips.'])
    expect((await readApplied(registers)).applied).toBeNull()
  })

  it('the later one goes on where the other changed nothing of what it does', async () => {
    const registers = createPlainRegisters()
    await apply(registers, {})
    // Words alone: the plan is the same on either.
    const slow = withRival(registers, () => apply(registers, { description: 'other words' }))
    const request = { registers: slow, definitions: definitions({ view: 2, service: 1 }) }
    const prepared = await prepareApply(request)
    await expect(commitApply(request, { ...prepared }, clock, 'me')).resolves.toMatchObject({ revision: 3 })
  })
})
