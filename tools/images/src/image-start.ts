// How an image starts its program, by infra/images/Dockerfile: for who starts one from its folder, and wants what a container would have.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DockerfileParser, type JSONInstruction, type PropertyInstruction } from 'dockerfile-ast'
import { ROOT } from './bundle.ts'

const PROGRAM = '/app/main.js'

/** The variables that its environment has; those of Node's command line are in NODE_OPTIONS too. */
export function imageEnvironment(): Record<string, string> {
  const instructions = DockerfileParser.parse(readFileSync(join(ROOT, 'infra/images/Dockerfile'), 'utf8')).getInstructions()
  const last = instructions.slice(instructions.findLastIndex((each) => each.getKeyword() === 'FROM'))
  const variables = last.filter((each) => each.getKeyword() === 'ENV').flatMap((each) => (each as PropertyInstruction).getProperties().map((property) => [property.getName(), property.getValue() ?? ''] as const))
  const entry = last.find((each) => each.getKeyword() === 'ENTRYPOINT') as JSONInstruction
  const [program, ...given] = entry.getJSONStrings().map((each) => each.getJSONValue())
  if (program !== 'node' || given.pop() !== PROGRAM) throw new Error(`The image does not start ${PROGRAM} with node.`)
  const environment = Object.fromEntries(variables)
  return { ...environment, NODE_OPTIONS: [environment['NODE_OPTIONS'] ?? '', ...given].join(' ').trim() }
}
