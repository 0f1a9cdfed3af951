// promtool, which reads Prometheus' rules and runs their tests: the one on PATH, else Debian's, unpacked once like the servers.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { buildsFolder, ensureBuild } from './build-cache.ts'
import type { PinnedBuild } from './builds.ts'
import { unpackDebianPackages } from './debian-packages.ts'
import { PROMTOOL_VERSION } from './versions.ts'

const QUIET = { building: () => undefined, waiting: () => undefined }

/** Leaves a Debian file tree: usr/bin/promtool. */
const promtoolBuild: PinnedBuild = {
  name: 'promtool', version: PROMTOOL_VERSION, tools: ['apt-get', 'dpkg-deb'], expected: 'some 15 s',
  build: (step) => unpackDebianPackages(step, {
    pinned: ['prometheus'], version: PROMTOOL_VERSION,
    instead: 'Put a promtool on PATH: it is then used, whatever its version. Debian 12 has it in the package prometheus.',
  }),
}

/** The program's path, or its name where it is on PATH. */
export async function findPromtool(): Promise<string> {
  if (spawnSync('promtool', ['--version']).status === 0) return 'promtool'
  return join(await ensureBuild(promtoolBuild, buildsFolder(), QUIET), 'usr', 'bin', 'promtool')
}
