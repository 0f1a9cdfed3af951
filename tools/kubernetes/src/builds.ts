// The programs of Kubernetes that manifests are rendered and tried with, made from Go modules where a machine has none, and kept where those of servers are.

import { readFileSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { buildsFolder, ensureBuild, type BuildStep, type CachedBuild } from '@tidemark/servers/build-cache'
import { unpackDebianPackages } from '@tidemark/servers/debian-packages'
import { demandTools, type ToolName } from '@tidemark/servers/machine-tools'
import { runTool } from '@tidemark/servers/run-tool'

const KUSTOMIZE_VERSION = 'v5.7.1'
const KUBERNETES_VERSION = '1.34.2'
export const KEDA_VERSION = 'v2.16.1'
/** Of Debian 12. */
const ETCD_VERSION = '3.4.23'

/** Leaves the program `kustomize`. */
export const kustomizeBuild: CachedBuild = {
  name: 'kustomize', version: KUSTOMIZE_VERSION,
  build: ({ folder, logPath, signal }) => runTool({ program: 'go', args: ['install', '-ldflags=-s -w', `sigs.k8s.io/kustomize/kustomize/v5@${KUSTOMIZE_VERSION}`], cwd: folder, env: { GOBIN: folder, CGO_ENABLED: '0' }, logPath, signal }),
}

/** Leaves `kube-apiserver` and `kubectl`. */
export const kubernetesBuild: CachedBuild = { name: 'kubernetes', version: KUBERNETES_VERSION, build: buildKubernetes }

/** Leaves `usr/bin/etcd`. */
export const etcdBuild: CachedBuild = { name: 'etcd', version: ETCD_VERSION, build: (step) => unpackDebianPackages(step, { pinned: ['etcd-server'], version: ETCD_VERSION, instead: 'Try it on Debian 12.' }) }

/** The folder of a build, made if it is not there; it says so on stderr while it makes it. */
export function built(build: CachedBuild, tool: ToolName, expected: string): Promise<string> {
  demandTools([{ tool, neededBy: `${build.name} ${build.version}` }])
  const say = (what: string): void => console.error(`${build.name} ${build.version}: ${what}`)
  return ensureBuild(build, buildsFolder(), { building: () => say(`made, ${expected}`), waiting: () => say('somebody else makes it') })
}

/** Its own module refers to parts of it by folders that a module does not have: one beside it names their versions. */
async function buildKubernetes({ folder, logPath, signal }: BuildStep): Promise<void> {
  const { GoMod: goMod } = JSON.parse(execFileSync('go', ['mod', 'download', '-json', `k8s.io/kubernetes@v${KUBERNETES_VERSION}`], { cwd: folder, encoding: 'utf8' })) as { GoMod: string }
  const text = readFileSync(goMod, 'utf8')
  const staged = [...text.matchAll(/^\t(k8s\.io\/\S+) => \.\/staging/gm)].map(([, name]) => `\t${name} => ${name} v0${KUBERNETES_VERSION.slice(1)}`)
  const goVersion = /^go (\S+)$/m.exec(text)![1]!
  writeFileSync(join(folder, 'go.mod'), `module tidemark.invalid/kubernetes\n\ngo ${goVersion}\n\nrequire k8s.io/kubernetes v${KUBERNETES_VERSION}\n\nreplace (\n${staged.join('\n')}\n)\n`)
  writeFileSync(join(folder, 'programs.go'), '//go:build programs\n\npackage programs\n\nimport (\n\t_ "k8s.io/kubernetes/cmd/kube-apiserver"\n\t_ "k8s.io/kubernetes/cmd/kubectl"\n)\n')
  for (const program of ['kube-apiserver', 'kubectl']) {
    await runTool({ program: 'go', args: ['build', '-mod=mod', '-ldflags=-s -w', '-o', program, `k8s.io/kubernetes/cmd/${program}`], cwd: folder, logPath, signal })
  }
}

/** Of KEDA's module. */
export function kedaDefinition(): string {
  const { Dir: folder } = JSON.parse(execFileSync('go', ['mod', 'download', '-json', `github.com/kedacore/keda/v2@${KEDA_VERSION}`], { encoding: 'utf8' })) as { Dir: string }
  return join(folder, 'config', 'crd', 'bases', 'keda.sh_scaledobjects.yaml')
}
