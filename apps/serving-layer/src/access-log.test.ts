// What the log says of access: each who operates, and of those who are turned away enough, with a count of the others.
import { expect, it } from '@jest/globals'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { Metrics } from '@tidemark/observability/metrics'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { LINES_TOLD_MAX, LINES_TOLD_PER_MS } from '@tidemark/service-kit/line-limit'
import { createServiceLog } from '@tidemark/service-kit/service-log'
import { tellAccess, tellErrors } from './access-log.ts'

it('tells who was turned away, up to a limit, and how many were not told', () => {
  const lines: [string, object][] = []
  const line = (level: string) => (fields: object) => void lines.push([level, fields])
  const clock = createSteppedClock(0)
  const metrics = new Metrics()
  const { onRefused, onOperated } = tellAccess({ log: { warn: line('warn'), info: line('info') } as never, metrics, clock })
  const refusal = { who: null, method: 'GET', path: `/${'x'.repeat(1_000)}`, scopes: ['operate'] } as const
  for (let i = 0; i < LINES_TOLD_MAX + 3; i++) onRefused(refusal)
  expect(lines).toEqual(Array(LINES_TOLD_MAX).fill(['warn', { code: 'UNAUTHENTICATED', who: 'nobody', method: 'GET', route: refusal.path.slice(0, 200), scope: 'operate' }]))
  lines.length = 0
  clock.step(LINES_TOLD_PER_MS)
  onRefused({ ...refusal, who: 'key a 1', path: '/v1/catalog', scopes: ['features:read', 'operate'] })
  onOperated({ ...refusal, who: 'key b 2', path: '/v1/features, explain' })
  expect(lines).toEqual([
    ['warn', { code: 'FORBIDDEN', who: 'key a 1', method: 'GET', route: '/v1/catalog', scope: 'features:read or operate', untoldCount: 3 }],
    ['info', { who: 'key b 2', method: 'GET', route: '/v1/features, explain', scope: 'operate' }],
  ])
  // Those were told.
  onRefused({ ...refusal, path: '/' })
  expect(lines.at(-1)).toEqual(['warn', { code: 'UNAUTHENTICATED', who: 'nobody', method: 'GET', route: '/', scope: 'operate' }])
  expect(['UNAUTHENTICATED', 'FORBIDDEN'].map((code) => metrics.counter('tidemark_serving_refused_total', { code }).value)).toEqual([LINES_TOLD_MAX + 4, 1])
})

it('tells of answers that failed by code, up to a limit, and what those who asked were not told', () => {
  const lines: { readonly code?: string; readonly msg: string; readonly where?: string; readonly untoldCount?: number }[] = []
  const clock = createSteppedClock(0)
  const log = createServiceLog({ service: 'serving-layer', level: 'info', metrics: new Metrics(), destination: { write: (line: string) => void lines.push(JSON.parse(line)) } })
  const onError = tellErrors({ log, clock })
  const cause = new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'It is away.', where: 'https://issuer.internal', action: 'See to it.' }])
  const said = new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'Later.', where: 'header authorization', action: 'Ask again.' }], { cause })
  for (let i = 0; i < LINES_TOLD_MAX + 5; i++) onError(said)
  onError(new TidemarkError([{ code: 'STORE_DAMAGED', message: 'It is damaged.', where: 'there', action: 'Mend it.' }]))
  clock.step(LINES_TOLD_PER_MS)
  onError(said)
  expect(lines.map(({ code }) => code)).toEqual([...Array(LINES_TOLD_MAX).fill('STORE_UNAVAILABLE'), 'STORE_DAMAGED', 'STORE_UNAVAILABLE'])
  expect(lines[0]).toMatchObject({ msg: 'It is away.', where: 'https://issuer.internal' })
  expect(lines.at(-1)).toMatchObject({ untoldCount: 5 })
})
