// npm run kubernetes:dry-run: what a real API server says of the overlays. It makes one from Go modules (minutes, the first time) and starts it on loopback,
// with KEDA's kind of manifest; each overlay is applied to it without being kept, and each pod is made as its owner would make it, so that Pod Security and quotas of the
// namespace judge it. Exit codes: 0; 1 where something is refused, or warned of.

import { readFileSync } from 'node:fs'
import { startApiServer, type ApiServer } from './api-server.ts'
import { kedaDefinition } from './builds.ts'
import { podsOf } from './pods.ts'
import { OVERLAYS, readManifests, renderedPath } from './rendered.ts'

const NAMESPACE = 'tidemark'

await using server = await startApiServer()
server.kubectl(['apply', '--server-side', '-f', kedaDefinition()])
server.kubectl(['wait', '--for=condition=Established', 'crd/scaledobjects.keda.sh', '--timeout=60s'])
// Nothing can be tried in a namespace that is not there, and no pod without its account.
const [first] = OVERLAYS
const there = readManifests(readFileSync(renderedPath(first), 'utf8')).filter(({ kind }) => kind === 'Namespace' || kind === 'ServiceAccount')
server.kubectl(['apply', '--server-side', '-f', '-'], there.map((manifest) => JSON.stringify(manifest)).join('\n---\n'))
for (const overlay of OVERLAYS) tryOverlay(server, overlay, renderedPath(overlay))

function tryOverlay({ kubectl }: ApiServer, overlay: string, path: string): void {
  const manifests = readManifests(readFileSync(path, 'utf8'))
  const pods = podsOf(manifests).map(({ name, labels, spec }) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: NAMESPACE, labels }, spec }))
  try {
    const dry = ['--server-side', '--dry-run=server', '--validate=strict', '--warnings-as-errors']
    const applied = kubectl(['apply', ...dry, '-f', path]).trim().split('\n')
    const made = kubectl(['apply', ...dry, '-f', '-'], pods.map((pod) => JSON.stringify(pod)).join('\n---\n')).trim().split('\n')
    console.log(`${overlay}: ${applied.length} manifests and ${made.length} pods would be taken`)
  } catch (error) {
    console.error(`${overlay}: ${(error as { stderr?: string }).stderr ?? String(error)}`)
    process.exitCode = 1
  }
}
