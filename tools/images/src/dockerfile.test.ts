// What infra/images/Dockerfile must be, and a registry or a cluster would not say: pinned, in stages, without rights, and started so that signals arrive.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { DockerfileParser, type Copy, type Dockerfile, type JSONInstruction } from 'dockerfile-ast'
import { ROOT } from './bundle.ts'

const PINNED = /^[a-z0-9./-]+:\d+\.\d+\.\d+-[a-z0-9-]+(@sha256:[0-9a-f]{64})?$/
const TEXT = readFileSync(join(ROOT, 'infra/images/Dockerfile'), 'utf8')

/** Everything that is wrong with it. */
function faultsOf(text: string): string[] {
  const file = DockerfileParser.parse(text)
  const argumentOf = (name: string): string | undefined => file.getInitialARGs().flatMap((each) => each.getProperty() ?? []).find((property) => property.getName() === name)?.getValue() ?? undefined
  const stages = file.getFROMs()
  const bases = stages.map((from) => from.getImage()!.replace(/\$\{(\w+)\}/g, (_, name: string) => argumentOf(name) ?? ''))
  const last = lastStage(file)
  const one = (keyword: string): string[] => last.filter((each) => each.getKeyword() === keyword).map((each) => each.getArgumentsContent() ?? '')
  const copies = last.filter((each) => each.getKeyword() === 'COPY') as Copy[]
  const stageNames = stages.flatMap((from) => from.getBuildStage() ?? [])
  const entry = last.find((each) => each.getKeyword() === 'ENTRYPOINT') as JSONInstruction | undefined
  const [user = ''] = one('USER').slice(-1)
  return [
    ...bases.flatMap((base) => (PINNED.test(base) ? [] : [`${base} is not one image for good: name a whole version`])),
    ...(stages.length > 1 ? [] : ['what it is made with is in it: use a stage of its own']),
    ...(copies.length === 1 && stageNames.includes(copies[0]!.getFromFlag()?.getValue() ?? '') ? [] : ['its content is not one folder of another stage']),
    ...(/^[1-9]\d*:[1-9]\d*$/.test(user) ? [] : [`its user is ${user || 'root'}: give numbers, which a cluster can tell from root`]),
    ...(entry !== undefined && entry.getOpeningBracket() !== null ? [] : ['a shell is between it and its signals: write ENTRYPOINT as a list']),
    ...(one('RUN').length === 0 ? [] : ['it changes what the base holds: RUN only in stages before']),
    ...(file.getInstructions().some((each) => each.getKeyword() === 'ADD') ? ['ADD unpacks and downloads: use COPY'] : []),
    ...(one('STOPSIGNAL').includes('SIGTERM') ? [] : ['it is not told to end by SIGTERM']),
  ]
}

function lastStage(file: Dockerfile): ReturnType<Dockerfile['getInstructions']> {
  const instructions = file.getInstructions()
  return instructions.slice(instructions.findLastIndex((each) => each.getKeyword() === 'FROM'))
}

describe('infra/images/Dockerfile', () => {
  it('is as it must be', () => {
    expect(faultsOf(TEXT)).toEqual([])
  })

  it.each([
    ['USER 65532:65532', '', 'its user is root'],
    ['USER 65532:65532', 'USER node', 'its user is node'],
    ['USER 65532:65532', 'USER 0:0', 'its user is 0:0'],
    ['node:24.21.0-bookworm-slim\n', 'node:latest\n', 'node:latest is not one image for good'],
    ['node:24.21.0-bookworm-slim\n', 'node\n', 'node is not one image for good'],
    ['COPY --from=context /image /app', 'COPY . /app', 'its content is not one folder of another stage'],
    ['COPY --from=context /image /app', 'COPY --from=context /image /app\nCOPY --from=context /source /app', 'its content is not one folder of another stage'],
    ['COPY . .', 'ADD . .', 'ADD unpacks'],
    ['ENTRYPOINT ["node", "--max-semi-space-size=4", "/app/main.js"]', 'ENTRYPOINT node /app/main.js', 'a shell is between it'],
    ['WORKDIR /app', 'WORKDIR /app\nRUN chmod -R a+w /app', 'it changes what the base holds'],
    ['STOPSIGNAL SIGTERM', 'STOPSIGNAL SIGKILL', 'not told to end by SIGTERM'],
  ])('would be found out with %j as %j', (right, wrong, fault) => {
    expect(TEXT).toContain(right)
    expect(faultsOf(TEXT.replaceAll(right, wrong)).join('\n')).toContain(fault)
  })

  it('runs the Node that everything is tested with', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { devDependencies: { node: string } }
    expect(TEXT).toContain(`ARG NODE_IMAGE=node:${devDependencies.node}-`)
  })

  it('takes nothing of a machine into the stage that makes the folder', () => {
    const ignored = readFileSync(join(ROOT, 'infra/images/Dockerfile.dockerignore'), 'utf8').split('\n')
    const local = readFileSync(join(ROOT, '.gitignore'), 'utf8').split('\n').filter((line) => line.endsWith('/')).map((line) => line.slice(0, -1))
    expect(local.filter((name) => !ignored.includes(name) && !ignored.includes(`**/${name}`))).toEqual([])
    expect(ignored).toContain('.git')
  })
})
