// Settings that are asked for only where a flag says so, or one of them is given.

import { flag } from './setting-kinds.ts'
import { settingsGroup, type SettingsGroup } from './settings.ts'

/** null: the flag, a whole name, is not `true`. */
export function onlyWhere<T>(variable: `TIDEMARK_${string}`, group: SettingsGroup<T>): SettingsGroup<T | null> {
  const flags = settingsGroup({ prefix: '', variables: { [variable]: flag.default(false) }, become: (values) => values[variable]! })
  return {
    variables: [...flags.variables, ...group.variables],
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
    variables: group.variables,
    read: (environment) => (environment[variable] === undefined || environment[variable] === '' ? { value: null } : group.read(environment)),
  }
}
