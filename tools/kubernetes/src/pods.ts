// The pods of some manifests, whatever makes them, and what is in them: as far as it is looked at.

import type { Manifest } from './rendered.ts'

export const SECRETS_FOLDER = '/var/run/secrets/tidemark/'

export interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string }
  readonly periodSeconds?: number
  readonly timeoutSeconds?: number
  readonly failureThreshold?: number
}

export interface Container {
  readonly name: string
  readonly image: string
  readonly ports: readonly { readonly name: string; readonly containerPort: number; readonly protocol?: string }[]
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string } }[]
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } } }[]
  readonly resources: { readonly requests: { readonly cpu: string; readonly memory: string }; readonly limits: { readonly memory: string } }
  readonly startupProbe?: Probe
  readonly livenessProbe?: Probe
  readonly readinessProbe?: Probe
  readonly securityContext?: { readonly allowPrivilegeEscalation?: boolean; readonly readOnlyRootFilesystem?: boolean; readonly privileged?: boolean; readonly capabilities?: { readonly drop?: readonly string[] } }
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[]
}

export interface PodSpec {
  readonly serviceAccountName: string
  readonly automountServiceAccountToken?: boolean
  readonly terminationGracePeriodSeconds?: number
  readonly hostNetwork?: boolean
  readonly hostPID?: boolean
  readonly hostIPC?: boolean
  readonly securityContext?: { readonly runAsNonRoot?: boolean; readonly runAsUser?: number; readonly seccompProfile?: { readonly type: string } }
  readonly topologySpreadConstraints?: readonly { readonly topologyKey: string; readonly labelSelector: { readonly matchLabels: Readonly<Record<string, string>> } }[]
  readonly containers: readonly Container[]
  readonly initContainers?: readonly Container[]
  readonly volumes?: readonly { readonly name: string; readonly secret?: { readonly secretName: string } }[]
}

export interface Pod {
  /** Of what makes it. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly spec: PodSpec
}

export function podsOf(manifests: readonly Manifest[]): Pod[] {
  return manifests.flatMap(({ metadata, spec }) => {
    const template = (spec as { template?: { metadata: { labels: Record<string, string> }; spec: PodSpec } } | undefined)?.template
    return template === undefined ? [] : [{ name: metadata.name, labels: template.metadata.labels, spec: template.spec }]
  })
}

export function containersOf({ containers, initContainers = [] }: PodSpec): Container[] {
  return [...initContainers, ...containers]
}

/** What its first container finds in its environment. Throws where a ConfigMap is missing. */
export function environmentOf({ name, spec }: Pod, manifests: readonly Manifest[]): Record<string, string> {
  const [{ envFrom = [], env = [] }] = spec.containers as [Container]
  const maps = envFrom.map(({ configMapRef }) => {
    const map = manifests.find((manifest) => manifest.kind === 'ConfigMap' && manifest.metadata.name === configMapRef.name)
    if (map === undefined) throw new Error(`${name} asks for the ConfigMap ${configMapRef.name}, which is not there.`)
    return map['data'] as Record<string, string>
  })
  return Object.assign({}, ...maps, Object.fromEntries(env.map(({ name: variable, value }) => [variable, value ?? 'of-the-pod']))) as Record<string, string>
}

/** Variables that say where a server is. */
const SERVERS: Readonly<Record<string, string>> = {
  TIDEMARK_KAFKA_BROKERS: 'kafka', TIDEMARK_S3_ENDPOINT: 's3', TIDEMARK_CASSANDRA_CONTACT_POINTS: 'cassandra',
  TIDEMARK_REDIS_STATE_NODES: 'redis-state', TIDEMARK_REDIS_JOBS_NODES: 'redis-jobs', TIDEMARK_REDIS_CACHE_NODES: 'redis-cache',
  TIDEMARK_OTLP_ENDPOINT: 'collector',
}

/** The servers that an environment tells of, each with its port, which all of its addresses have. */
export function serversAsked(environment: Readonly<Record<string, string>>): { readonly server: string; readonly port: string }[] {
  return Object.entries(SERVERS).flatMap(([variable, server]) => {
    const ports = new Set((environment[variable]?.split(',') ?? []).map((address) => address.slice(address.lastIndexOf(':') + 1)))
    return [...ports].map((port) => ({ server, port }))
  })
}
