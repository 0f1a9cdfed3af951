// What is kept in k8s/rendered is what kustomize makes of the overlays.

import { readFileSync } from 'node:fs'
import { expect, it } from '@jest/globals'
import { OVERLAYS, render, renderedPath } from './rendered.ts'

/** Of kustomize, where a machine has none. */
const MADE_WITHIN_MS = 900_000

it.each(OVERLAYS)('k8s/rendered/%s.yaml is what its overlay comes to', async (overlay) => {
  expect(readFileSync(renderedPath(overlay), 'utf8')).toBe(await render(overlay))
}, MADE_WITHIN_MS)
