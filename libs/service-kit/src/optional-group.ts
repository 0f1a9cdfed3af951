// Settings that are asked for only where a flag says so, or one of them is given.

import { flag } from './setting-kinds.ts'
import type { SettingReference } from './setting-reference.ts'
import { settingsGroup, type SettingsGroup } from './settings.ts'

/** null: the flag, a whole name, is not `true`. `description` is the flag's. */
export function onlyWhere<T>(variable: `TIDEMARK_${string}`, description: string, group: SettingsGroup<T>): SettingsGroup<T | null> {
  const flags = settingsGroup({ prefix: '', variables: { [variable]: flag.default(false).describe(description) }, become: (values) => values[variable]! })
  return {
    references: [...flags.references, ...askedForWhere(`${variable} is true`, group)],
    read(environment) {
      const asked = flags.read(environment)
      if ('mistakes' in asked) return asked
      return asked.value ? group.read(environment) : { value: null }
    },
  }
}

/** null: the variable, a whole name, is not given; then the others of its group say nothing. */
export function whereGiven<T>(variable: `TIDEMARK_${string}`, group: SettingsGroup<T>): SettingsGroup<T | null> {
  return {
    references: askedForWhere(`${variable} is given`, group).map((reference) => (reference.variable === variable ? optional(reference) : reference)),
    read: (environment) => (environment[variable] === undefined || environment[variable] === '' ? { value: null } : group.read(environment)),
  }
}

function askedForWhere(onlyWhere: string, { references }: SettingsGroup<unknown>): SettingReference[] {
  return references.map((reference) => ({ onlyWhere, ...reference }))
}

/** Its not being given says that there is none of what the group is about. */
function optional({ onlyWhere: _, ...reference }: SettingReference): SettingReference {
  return { ...reference, isRequired: false, unset: 'there is none' }
}
