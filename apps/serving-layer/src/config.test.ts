// What the serving layer is told: in its reference, and what it becomes.
import { expect, it } from '@jest/globals'
import { readSettings } from '@tidemark/service-kit/settings'
import { unreferenced } from '@tidemark/service-kit/testing/unreferenced'
import { servingLayerSettings } from './config.ts'

it('has settings that docs/services.md tells as --print-config-reference does', () => {
  expect(unreferenced(servingLayerSettings)).toEqual([])
})

it('listens on loopback, and takes no events, unless it is told so', () => {
  const { http, kafka } = servingLayerSettings
  expect(readSettings({}, { http, kafka })).toEqual({ http: { host: '127.0.0.1', port: 8_080 }, kafka: null })
  expect(readSettings({ TIDEMARK_HTTP_HOST: '0.0.0.0', TIDEMARK_HTTP_PORT: '0' }, { http, kafka })).toMatchObject({ http: { host: '0.0.0.0', port: 0 } })
  expect(() => readSettings({ TIDEMARK_HTTP_PORT: '65536', TIDEMARK_HTTP_EVENTS: 'true' }, { http, kafka })).toThrow(/HTTP_PORT[^]*KAFKA_BROKERS/)
})
