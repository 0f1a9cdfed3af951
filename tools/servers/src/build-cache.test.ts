import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildsFolder, ensureBuild, type BuildStep, type BuildWatcher, type CachedBuild } from './build-cache.ts'

describe('ensureBuild', () => {
  let root = ''
  const quiet: BuildWatcher = { building: () => undefined, waiting: () => undefined }
  const buildOf = (build: (step: BuildStep) => Promise<void>): CachedBuild => ({ name: 'toy', version: '1.2', build })
  const whole = ({ folder }: BuildStep): void => writeFileSync(join(folder, 'program'), 'whole')

  beforeEach(() => {
    root = join(mkdtempSync(join(tmpdir(), 'tidemark-builds-')), 'not-there-yet')
  })
  afterEach(() => rmSync(join(root, '..'), { recursive: true }))

  it('shows a build only when it is whole', async () => {
    const folder = await ensureBuild(buildOf(async (step) => {
      whole(step)
      expect(existsSync(join(root, 'toy-1.2'))).toBe(false)
    }), root, quiet)
    expect(folder).toBe(join(root, 'toy-1.2'))
    expect(readFileSync(join(folder, 'program'), 'utf8')).toBe('whole')
    expect(readdirSync(root)).toEqual(['toy-1.2'])
  })

  it('builds once for two who ask at once: the second waits', async () => {
    let buildCount = 0
    let waitedCount = 0
    const gate = Promise.withResolvers<undefined>()
    const build = buildOf(async (step) => {
      buildCount++
      await gate.promise
      whole(step)
    })
    const watcher = { building: () => undefined, waiting: () => { waitedCount++; gate.resolve(undefined) } }
    const folders = await Promise.all([ensureBuild(build, root, watcher), ensureBuild(build, root, watcher)])
    expect(folders).toEqual([join(root, 'toy-1.2'), join(root, 'toy-1.2')])
    expect({ buildCount, waitedCount }).toEqual({ buildCount: 1, waitedCount: 1 })
  })

  it('leaves nothing of a build that failed, and builds anew the next time', async () => {
    const broken = buildOf(async ({ folder }) => {
      writeFileSync(join(folder, 'program'), 'ha')
      throw new Error('no space')
    })
    await expect(ensureBuild(broken, root, quiet)).rejects.toThrow('no space')
    expect(readdirSync(root)).toEqual([])
    const folder = await ensureBuild(buildOf(async (step) => whole(step)), root, quiet)
    expect(readFileSync(join(folder, 'program'), 'utf8')).toBe('whole')
  })

  it('leaves nothing of a build that was interrupted, even where it did not notice', async () => {
    const abort = new AbortController()
    const build = buildOf(async (step) => {
      whole(step)
      abort.abort(new Error('interrupted'))
    })
    await expect(ensureBuild(build, root, quiet, abort.signal)).rejects.toThrow('interrupted')
    expect(readdirSync(root)).toEqual([])
  })

  it('takes an equal build that another container put there meanwhile', async () => {
    const folder = await ensureBuild(buildOf(async (step) => {
      whole(step)
      mkdirSync(join(root, 'toy-1.2'))
      writeFileSync(join(root, 'toy-1.2', 'program'), 'the other')
    }), root, quiet)
    expect(readFileSync(join(folder, 'program'), 'utf8')).toBe('the other')
    expect(readdirSync(root)).toEqual(['toy-1.2'])
  })

  it('sweeps what a killed build left a day ago, and nothing younger', async () => {
    mkdirSync(join(root, '.partial-toy-old'), { recursive: true })
    mkdirSync(join(root, '.partial-toy-young'))
    const twoDaysAgo = Date.now() / 1_000 - 2 * 86_400
    utimesSync(join(root, '.partial-toy-old'), twoDaysAgo, twoDaysAgo)
    await ensureBuild(buildOf(async (step) => whole(step)), root, quiet)
    expect(readdirSync(root).sort()).toEqual(['.partial-toy-young', 'toy-1.2'])
  })
})

describe('buildsFolder', () => {
  it('is the one that is set, else one in the cache of the user', () => {
    expect(buildsFolder({ TIDEMARK_SERVER_BUILDS: '/b', XDG_CACHE_HOME: '/c' })).toBe('/b')
    expect(buildsFolder({ XDG_CACHE_HOME: '/c' })).toBe('/c/tidemark/server-builds')
    expect(buildsFolder({ XDG_CACHE_HOME: '' })).toMatch(/\/\.cache\/tidemark\/server-builds$/)
  })
})
