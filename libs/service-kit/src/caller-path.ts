// Paths in settings are relative to where somebody stands, who may have called `npm run`: npm goes to the workspace's root first, and tells where it
// was called (INIT_CWD, npm_package_json).

import { dirname, resolve } from 'node:path'

export function callerPath(path: string, environment: Readonly<Record<string, string | undefined>> = process.env, folder = process.cwd()): string {
  const { INIT_CWD: calledIn, npm_package_json: packageFile } = environment
  const isMovedByNpm = calledIn !== undefined && packageFile !== undefined && dirname(packageFile) === folder
  return resolve(isMovedByNpm ? calledIn : folder, path)
}
