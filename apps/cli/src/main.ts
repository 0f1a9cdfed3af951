// The tidemark command: reads the arguments, calls the pipelines, prints.
import { Command } from 'commander'
import packageJson from '../package.json' with { type: 'json' }

const program = new Command('tidemark').description(packageJson.description).version(packageJson.version)

await program.parseAsync()
