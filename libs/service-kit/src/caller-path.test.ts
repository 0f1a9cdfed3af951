import { expect, it } from '@jest/globals'
import { callerPath } from './caller-path.ts'

const NPM = { INIT_CWD: '/home/me/shop', npm_package_json: '/opt/tidemark/package.json' }

it('is from where npm was called, while the process is where npm put it', () => {
  expect(callerPath('features.ts', NPM, '/opt/tidemark')).toBe('/home/me/shop/features.ts')
  expect(callerPath('/etc/features.ts', NPM, '/opt/tidemark')).toBe('/etc/features.ts')
})

it('is from where the process is, where that is somewhere else, or npm has no part in it', () => {
  expect(callerPath('features.ts', NPM, '/srv')).toBe('/srv/features.ts')
  expect(callerPath('features.ts', {}, '/srv')).toBe('/srv/features.ts')
})
