// What the overlays come to is what it should be: each manifest of its kind, each pod without rights, each layer told exactly what it reads, each edge of the
// network one that somebody uses, and nothing that ends before it has drained.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { LAYER_NAMES, mainOf, type LayerName } from '@tidemark/servers/service-process'
import { kindFaults } from './kinds.ts'
import { containersOf, environmentOf, podsOf, SECRETS_FOLDER, serversAsked, type Pod } from './pods.ts'
import { FOLDER, headOf, OVERLAYS, readManifests, renderedPath, type Manifest } from './rendered.ts'

/** Beside what it takes to drain, for Node to start doing so. */
const GRACE_MIN_MS = 2_000
const ADMIN_PORTS: Readonly<Record<LayerName, number>> = { 'archiver': 9_101, 'speed-layer': 9_102, 'batch-layer': 9_103, 'serving-layer': 9_104 }
/** Of every pod. */
const EVERYBODYS: ReadonlySet<string> = new Set(['to-names', 'deny'])

interface Reference {
  readonly variable: string
  readonly isRequired: boolean
  readonly isSecret: boolean
  /** What it is asked for with; none is so here. */
  readonly onlyWhere?: string
}

const references = new Map<LayerName, readonly Reference[]>()
/** What a layer says that it reads. */
function referenceOf(layer: LayerName): readonly Reference[] {
  if (!references.has(layer)) {
    const { stdout } = spawnSync(process.execPath, [mainOf(layer), '--print-config-reference', '--json'], { encoding: 'utf8' })
    references.set(layer, (JSON.parse(stdout) as { settings: Reference[] }).settings)
  }
  return references.get(layer)!
}

describe.each(OVERLAYS)('k8s/rendered/%s.yaml', (overlay) => {
  const text = readFileSync(renderedPath(overlay), 'utf8')
  const manifests = readManifests(text)
  const of = (kind: string): Manifest[] => manifests.filter((manifest) => manifest.kind === kind)
  const pods = podsOf(manifests)
  const layers = LAYER_NAMES.map((name) => [name, pods.find((pod) => pod.name === name)!] as const)
  const matching = (selector: Selector): Pod[] => pods.filter(({ labels }) => matches(selector, labels))

  it('is of the sources as they are', () => {
    expect(text.slice(0, text.indexOf('\n') + 1)).toBe(headOf(overlay))
  })

  it('has manifests of their kinds, each in the namespace, each once', () => {
    expect(manifests.flatMap(kindFaults)).toEqual([])
    expect(manifests.filter(({ kind, metadata }) => kind !== 'Namespace' && metadata.namespace !== 'tidemark')).toEqual([])
    const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    expect(names).toEqual([...new Set(names)])
    expect(of('Secret')).toEqual([])
  })

  it('has pods of the restricted kind, in a namespace that takes no others', () => {
    expect(of('Namespace').map(({ metadata }) => metadata.labels!['pod-security.kubernetes.io/enforce'])).toEqual(['restricted'])
    expect(pods.flatMap(restrictedFaults)).toEqual([])
  })

  it.each(layers)('%s: is asked how it is where it says so, has what it needs, and is spread', (name, pod) => {
    const { spec, labels } = pod
    const [container] = spec.containers
    const { TIDEMARK_ADMIN_HOST: host, TIDEMARK_ADMIN_PORT: port } = environmentOf(pod, manifests)
    expect([host, port]).toEqual(['0.0.0.0', String(ADMIN_PORTS[name])])
    expect(container!.ports).toContainEqual({ name: 'admin', containerPort: ADMIN_PORTS[name] })
    expect([container!.startupProbe, container!.livenessProbe, container!.readinessProbe].map((probe) => probe?.httpGet)).toEqual([
      { path: '/livez', port: 'admin' }, { path: '/livez', port: 'admin' }, { path: '/readyz', port: 'admin' },
    ])
    expect(container!.resources).toEqual({ requests: { cpu: expect.any(String), memory: expect.any(String) }, limits: { memory: container!.resources.requests.memory } })
    expect(spec.topologySpreadConstraints!.map(({ topologyKey }) => topologyKey)).toEqual(['topology.kubernetes.io/zone', 'kubernetes.io/hostname'])
    for (const { labelSelector } of spec.topologySpreadConstraints!) expect(matches(labelSelector, labels)).toBe(true)
  })

  it.each(layers)('%s: is told everything that it must be, and nothing that it does not read', (name, pod) => {
    const given = environmentOf(pod, manifests)
    const known = new Set(referenceOf(name).flatMap(({ variable, isSecret }) => (isSecret ? [variable, `${variable}_FILE`] : [variable])))
    expect(Object.keys(given).filter((variable) => variable.startsWith('TIDEMARK_') && !known.has(variable))).toEqual([])
    const required = referenceOf(name).filter(({ isRequired, onlyWhere }) => isRequired && onlyWhere === undefined).map(({ variable }) => variable)
    expect(required.filter((variable) => given[variable] === undefined && given[`${variable}_FILE`] === undefined)).toEqual([])
    // No secret is where everybody sees it who may look at a pod or a ConfigMap.
    expect(referenceOf(name).filter(({ variable, isSecret }) => isSecret && given[variable] !== undefined)).toEqual([])
  })

  it.each(layers)('%s: finds nothing wrong with what it is told but a mistake that is made here', (name, pod) => {
    const { TIDEMARK_LOG_LEVEL: _, ...given } = environmentOf(pod, manifests)
    const { status, stdout } = spawnSync(process.execPath, [mainOf(name)], { env: { ...given, TIDEMARK_LOG_LEVEL: 'mistake' }, encoding: 'utf8' })
    const mistakes = stdout.trim().split('\n').map((line) => JSON.parse(line) as { where: string; msg: string })
    // Of secrets, what is mounted is not here; that it is mounted there is another question.
    const isOfMount = ({ where }: { where: string }): boolean => given[where]?.startsWith(SECRETS_FOLDER) === true
    expect({ status, mistakes: mistakes.filter((mistake) => !isOfMount(mistake)).map(({ where }) => where) }).toEqual({ status: 78, mistakes: ['TIDEMARK_LOG_LEVEL'] })
  })

  it.each(pods.map((pod) => [pod.name, pod] as const))('%s: has each secret mounted that it is told of, and no other', (_, pod) => {
    const files = Object.values(environmentOf(pod, manifests)).filter((value) => value.startsWith(SECRETS_FOLDER))
    const mounts = pod.spec.containers[0]!.volumeMounts.filter(({ mountPath }) => mountPath.startsWith(SECRETS_FOLDER))
    expect(new Set(files.map((path) => path.slice(0, path.lastIndexOf('/'))))).toEqual(new Set(mounts.map(({ mountPath }) => mountPath)))
    for (const { name, readOnly } of mounts) {
      expect(readOnly).toBe(true)
      expect(pod.spec.volumes!.find((volume) => volume.name === name)!.secret!.secretName).toBe(name)
    }
  })

  it.each(layers)('%s: is given longer to end than it takes to drain', (name, pod) => {
    const { TIDEMARK_DRAIN_MAX_MS: drainMaxMs } = environmentOf(pod, manifests)
    expect(pod.spec.terminationGracePeriodSeconds! * 1_000).toBeGreaterThanOrEqual(Number(drainMaxMs) + GRACE_MIN_MS)
  })

  it('rolls out without a pod less, where requests or the log would wait, and takes nodes away one pod at a time', () => {
    const strategies = Object.fromEntries(of('Deployment').map(({ metadata, spec }) => [metadata.name, (spec as { strategy: { rollingUpdate: { maxUnavailable: number } } }).strategy.rollingUpdate.maxUnavailable]))
    expect(strategies).toEqual({ 'archiver': 0, 'speed-layer': 0, 'batch-layer': 1, 'serving-layer': 0 })
    for (const budget of of('PodDisruptionBudget')) {
      const { maxUnavailable, selector } = budget.spec as { maxUnavailable: number; selector: Selector }
      expect(maxUnavailable).toBe(1)
      expect(matching(selector).map(({ name }) => name)).toEqual([budget.metadata.name])
    }
    expect(of('PodDisruptionBudget').map(({ metadata }) => metadata.name).sort()).toEqual([...LAYER_NAMES].sort())
  })

  it('has an edge for each server that somebody asks, and somebody for each edge', () => {
    const edges = of('NetworkPolicy').filter(({ metadata }) => !EVERYBODYS.has(metadata.name))
    for (const pod of pods) {
      for (const { server, port } of serversAsked(environmentOf(pod, manifests))) {
        const edge = edges.find(({ metadata }) => metadata.name === `to-${server}`)!.spec as Edge
        expect(`${pod.name} to ${server}: ${matches(edge.podSelector, pod.labels)}, ports ${edge.egress![0]!.ports.map((each) => each.port).join()}`).toBe(`${pod.name} to ${server}: true, ports ${port}`)
      }
      // What it may reach is what it asks.
      const asked = new Set(serversAsked(environmentOf(pod, manifests)).map(({ server }) => `to-${server}`))
      const open = edges.filter(({ spec }) => (spec as Edge).egress !== undefined && matches((spec as Edge).podSelector, pod.labels)).map(({ metadata }) => metadata.name)
      expect({ pod: pod.name, open: new Set(open) }).toEqual({ pod: pod.name, open: asked })
    }
    for (const { metadata, spec } of edges) expect([metadata.name, matching((spec as Edge).podSelector).length > 0]).toEqual([metadata.name, true])
    const ports = new Set(pods.flatMap(({ spec }) => spec.containers.flatMap((container) => (container.ports ?? []).map(({ name }) => name))))
    for (const { spec } of edges) for (const { ports: open } of (spec as Edge).ingress ?? []) for (const { port } of open) expect(ports).toContain(port)
  })

  it('lets nobody in or out where no edge says so', () => {
    const deny = of('NetworkPolicy').find(({ metadata }) => metadata.name === 'deny')!.spec
    expect(deny).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] })
  })

  it('has pods whose account, selectors and image are their own', () => {
    for (const { name, labels, spec } of pods) {
      expect(labels['app.kubernetes.io/name']).toBe(name)
      expect(spec.serviceAccountName).toBe(name)
      expect(of('ServiceAccount').find(({ metadata }) => metadata.name === name)).toMatchObject({ automountServiceAccountToken: false })
      expect(containersOf(spec).map(({ image }) => image)).toEqual([expect.stringMatching(/^[^:@]*tidemark\/[a-z-]+:\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?$/)])
    }
    for (const { spec, metadata } of of('Deployment')) expect(matching((spec as { selector: Selector }).selector).map(({ name }) => name)).toEqual([metadata.name])
    for (const { spec } of of('Service')) expect(matching({ matchLabels: (spec as { selector: Record<string, string> }).selector })).toHaveLength(1)
  })

  it('lets one say how many there are: who scales, or who applies', () => {
    const scalers = [...of('HorizontalPodAutoscaler'), ...of('ScaledObject')].map(({ spec }) => (spec as { scaleTargetRef: { name: string } }).scaleTargetRef.name)
    expect(scalers.sort()).toEqual(overlay === 'production' ? ['archiver', 'serving-layer', 'speed-layer'] : [])
    for (const { metadata, spec } of of('Deployment')) expect([metadata.name, (spec as { replicas?: number }).replicas === undefined]).toEqual([metadata.name, scalers.includes(metadata.name)])
  })
})

it('scales by what the layers tell', () => {
  const told = readFileSync(join(FOLDER, '..', 'docs', 'metrics.md'), 'utf8')
  const asked = OVERLAYS.flatMap((overlay) => readFileSync(renderedPath(overlay), 'utf8').match(/\btidemark_\w+(?=\{)/g) ?? [])
  expect(asked).toEqual(['tidemark_relay_lag_records', 'tidemark_speed_lag_records'])
  for (const metric of asked) expect(told).toContain(`| \`${metric}\` | gauge |`)
})

describe('a manifest', () => {
  const [sound] = readManifests(readFileSync(join(FOLDER, 'base', 'layers', 'archiver.yaml'), 'utf8')) as [Manifest]
  const changed = (text: string, other: string): Manifest => JSON.parse(JSON.stringify(sound).replace(text, other)) as Manifest

  it.each([
    ['"readinessProbe"', '"readynessProbe"', '/spec/template/spec/containers/0 must NOT have additional properties (readynessProbe)'],
    ['"containerPort":9101', '"containerPort":"9101"', '/spec/template/spec/containers/0/ports/0/containerPort must be integer'],
    ['"apps/v1"', '"apps/v1beta1"', 'no schema of apps/v1beta1 Deployment is known'],
    ['"selector":', '"selektor":', "/spec must have required property 'selector'"],
  ])('that says %s as %s is found out', (text, other, fault) => {
    expect(JSON.stringify(sound)).toContain(text)
    expect(kindFaults(changed(text, other)).join('\n')).toContain(fault)
  })

  it.each([
    ['"readOnlyRootFilesystem":true', '"readOnlyRootFilesystem":false'],
    ['"runAsNonRoot":true', '"runAsNonRoot":false'],
    ['"drop":["ALL"]', '"drop":[]'],
    ['"type":"RuntimeDefault"', '"type":"Unconfined"'],
    ['"allowPrivilegeEscalation":false,', ''],
    ['"automountServiceAccountToken":false,', ''],
  ])('with %s as %j is not of the restricted kind', (text, other) => {
    expect(podsOf([sound]).flatMap(restrictedFaults)).toEqual([])
    expect(JSON.stringify(sound)).toContain(text)
    expect(podsOf([changed(text, other)]).flatMap(restrictedFaults)).toHaveLength(1)
  })
})

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values: readonly string[] }[]
}

interface Edge {
  readonly podSelector: Selector
  readonly egress?: readonly { readonly ports: readonly { readonly port: number }[] }[]
  readonly ingress?: readonly { readonly ports: readonly { readonly port: string }[] }[]
}

function matches({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value) && matchExpressions.every(({ key, operator, values }) => operator === 'In' && values.includes(labels[key]!))
}

/** What Pod Security's "restricted" asks, and that nothing is written and no token is there. */
function restrictedFaults({ name, spec }: Pod): string[] {
  const { securityContext: pod } = spec
  const isConfined = pod?.runAsNonRoot === true && pod.runAsUser! > 0 && pod.seccompProfile?.type === 'RuntimeDefault'
  const isTokenless = spec.automountServiceAccountToken === false
  const isHostless = spec.hostNetwork !== true && spec.hostPID !== true && spec.hostIPC !== true && (spec.volumes ?? []).every((volume) => Object.keys(volume).every((key) => ['name', 'secret', 'emptyDir', 'configMap'].includes(key)))
  return [
    ...(isConfined ? [] : [`${name}: not run by a user without rights`]), ...(isTokenless ? [] : [`${name}: has a token`]), ...(isHostless ? [] : [`${name}: has something of the node`]),
    ...containersOf(spec).flatMap(({ securityContext: own }) => (own?.allowPrivilegeEscalation === false && own.readOnlyRootFilesystem === true && own.capabilities?.drop?.join() === 'ALL' && own.privileged !== true ? [] : [`${name}: a container may do more than it must`])),
  ]
}
