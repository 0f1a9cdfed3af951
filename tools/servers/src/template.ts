// Configuration files of infra/servers with ${NAME} where a set's own values go.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const TEMPLATE_FOLDER = join(import.meta.dirname, '..', '..', '..', 'infra', 'servers')

/** The file of infra/servers with every ${NAME} replaced. A name without a value is an error, and so is a value without its name. */
export function renderTemplate(file: string, values: Readonly<Record<string, string | number>>): string {
  return fillTemplate(readFileSync(join(TEMPLATE_FOLDER, file), 'utf8'), values, file)
}

export function fillTemplate(text: string, values: Readonly<Record<string, string | number>>, file: string): string {
  const used = new Set<string>()
  const filled = text.replace(/\$\{([A-Z_]+)\}/g, (_, name: string) => {
    if (!Object.hasOwn(values, name)) throw new Error(`${file} asks for \${${name}}, which has no value`)
    used.add(name)
    return String(values[name])
  })
  const unused = Object.keys(values).filter((name) => !used.has(name))
  if (unused.length > 0) throw new Error(`${file} has no place for ${unused.join(', ')}`)
  return filled
}
