// How long a kubelet waits for a layer that it has told to end, by the layer's manifest.
import { readFileSync } from 'node:fs'
import { podsOf } from '@tidemark/kubernetes/pods'
import { readManifests, renderedPath } from '@tidemark/kubernetes/rendered'

const pods = podsOf(readManifests(readFileSync(renderedPath('production'), 'utf8')))

export function graceMsOf(layer: string): number {
  return 1_000 * pods.find(({ name }) => name === layer)!.spec.terminationGracePeriodSeconds!
}
