// npm run kubernetes:render: writes k8s/rendered anew.

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { OVERLAYS, render, renderedPath } from './rendered.ts'

for (const overlay of OVERLAYS) {
  const path = renderedPath(overlay)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, await render(overlay))
  console.log(path)
}
