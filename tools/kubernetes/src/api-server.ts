// A Kubernetes API server on loopback, with an empty store of its own and no nodes: it says of manifests what a cluster would. Everything of it is in one folder,
// and gone when it is disposed.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { endOfLog } from '@tidemark/servers/run-tool'
import { built, etcdBuild, kubernetesBuild } from './builds.ts'

const READY_WITHIN_MS = 120_000
const LOOK_AGAIN_MS = 250

export interface ApiServer extends AsyncDisposable {
  /** Of a folder that is gone with it. */
  readonly folder: string
  /** Runs kubectl on it. Throws with what it printed. */
  kubectl(args: readonly string[], input?: string): string
}

export async function startApiServer(): Promise<ApiServer> {
  const [kubernetes, etcd] = [await built(kubernetesBuild, 'go', 'some 10 minutes and 3 GB of Go modules'), await built(etcdBuild, 'apt-get', 'some 10 s')]
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-kubernetes-'))
  await using opened = new AsyncDisposableStack()
  opened.defer(() => rmSync(folder, { recursive: true, force: true }))
  const [clientPort, peerPort, port] = [await freePort(), await freePort(), await freePort()]
  const store = `http://127.0.0.1:${clientPort}`
  opened.use(startProcess(join(etcd, 'usr', 'bin', 'etcd'), [
    `--data-dir=${join(folder, 'etcd')}`, `--listen-client-urls=${store}`, `--advertise-client-urls=${store}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`, `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`, `--initial-cluster=default=http://127.0.0.1:${peerPort}`, '--unsafe-no-fsync',
  ], join(folder, 'etcd.log')))
  const token = randomBytes(24).toString('hex')
  const keyPath = join(folder, 'accounts.key')
  writeFileSync(keyPath, generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 })
  writeFileSync(join(folder, 'tokens.csv'), `${token},admin,admin,system:masters\n`, { mode: 0o600 })
  const logPath = join(folder, 'kube-apiserver.log')
  opened.use(startProcess(join(kubernetes, 'kube-apiserver'), [
    `--etcd-servers=${store}`, `--secure-port=${port}`, '--bind-address=127.0.0.1', `--cert-dir=${folder}`, '--service-cluster-ip-range=10.0.0.0/24', '--authorization-mode=RBAC',
    `--token-auth-file=${join(folder, 'tokens.csv')}`, '--service-account-issuer=https://tidemark.invalid', `--service-account-key-file=${keyPath}`, `--service-account-signing-key-file=${keyPath}`,
  ], logPath))
  const kubectl: ApiServer['kubectl'] = (args, input) =>
    execFileSync(join(kubernetes, 'kubectl'), [`--server=https://127.0.0.1:${port}`, '--insecure-skip-tls-verify', `--token=${token}`, `--cache-dir=${join(folder, 'kubectl')}`, ...args], { encoding: 'utf8', env: { PATH: process.env['PATH'], KUBECONFIG: join(folder, 'none') }, ...(input !== undefined && { input }), stdio: ['pipe', 'pipe', 'pipe'] })
  const deadline = AbortSignal.timeout(READY_WITHIN_MS)
  while (!isReady(kubectl)) {
    if (deadline.aborted) throw new Error(`The API server is not ready after ${READY_WITHIN_MS / 1_000} s. The end of its log:\n${endOfLog(logPath)}`)
    await sleep(LOOK_AGAIN_MS)
  }
  const owned = opened.move()
  return { folder, kubectl, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** What everything has to be in is made by the API server itself, a moment after it answers. */
function isReady(kubectl: ApiServer['kubectl']): boolean {
  try {
    return kubectl(['get', '--raw', '/readyz']) === 'ok' && kubectl(['get', 'namespace', 'default', '-o', 'name']).trim() === 'namespace/default'
  } catch {
    return false
  }
}

function startProcess(program: string, args: readonly string[], logPath: string): AsyncDisposable {
  const log = openSync(logPath, 'a')
  const child = spawn(program, args, { stdio: ['ignore', log, log] })
  closeSync(log)
  return { [Symbol.asyncDispose]: () => end(child) }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

async function freePort(): Promise<number> {
  await using server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
