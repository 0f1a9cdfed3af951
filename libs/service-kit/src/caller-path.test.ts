import { expect, it } from '@jest/globals'
import { callerPath } from './caller-path.ts'

const NPM = { INIT_CWD: '/srv/shop', npm_package_json: '/usr/lib/tidemark/package.json' }

it('is from where npm was called, while the process is where npm put it', () => {
  expect(callerPath('features.ts', NPM, '/usr/lib/tidemark')).toBe('/srv/shop/features.ts')
  expect(callerPath('/etc/features.ts', NPM, '/usr/lib/tidemark')).toBe('/etc/features.ts')
})

it('is from where the process is, where that is somewhere else, or npm has no part in it', () => {
  expect(callerPath('features.ts', NPM, '/srv')).toBe('/srv/features.ts')
  expect(callerPath('features.ts', {}, '/srv')).toBe('/srv/features.ts')
})
