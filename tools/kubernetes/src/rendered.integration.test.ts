// What is kept in k8s/rendered is what kustomize makes of the overlays. It asks for kustomize, or kubectl.

import { readFileSync } from 'node:fs'
import { expect, it } from '@jest/globals'
import { OVERLAYS, render, renderedPath } from './rendered.ts'

it.each(OVERLAYS)('k8s/rendered/%s.yaml is what its overlay comes to', (overlay) => {
  expect(readFileSync(renderedPath(overlay), 'utf8')).toBe(render(overlay))
})
