// What a setting may be. Each kind says what is expected, in a sentence that tells what to do and begins with Give.

import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { callerPath } from './caller-path.ts'

type Kind<T> = z.ZodType<T, string>

/** `read` gives undefined for what it may not be. */
export function kind<T>(expected: string, read: (text: string) => T | undefined): Kind<T> {
  return z.string({ error: expected }).transform((text, context): T => {
    const value = read(text)
    if (value !== undefined) return value
    context.addIssue({ code: 'custom', message: expected })
    return z.NEVER
  }).meta({ expected })
}

export const text = (expected: string, pattern = /^[^\p{Cc}]+$/u): Kind<string> => kind(expected, (given) => (pattern.test(given) ? given : undefined))

export function wholeNumber(min: number, max: number): Kind<number> {
  return kind(`Give a whole number from ${min} to ${max}.`, (given) => {
    const number = /^\d{1,15}$/.test(given) ? Number(given) : NaN
    return number >= min && number <= max ? number : undefined
  })
}

/** From 0 to 1. */
export const share: Kind<number> = kind('Give a number from 0 to 1.', (given) => {
  const number = /^\d(\.\d+)?$/.test(given) ? Number(given) : NaN
  return number <= 1 ? number : undefined
})

export const flag: Kind<boolean> = kind('Give true or false.', (given) => (given === 'true' ? true : given === 'false' ? false : undefined))

export function oneOf<const T extends string>(...values: readonly T[]): Kind<T> {
  return kind(`Give one of ${values.join(', ')}.`, (given) => values.find((value) => value === given))
}

const HOST_AND_PORT = /^(\[[\d:a-fA-F.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?$/

/** HOST:PORT or HOST, several with commas between. */
export function addresses(of: string): Kind<readonly string[]> {
  return kind(`Give HOST:PORT of ${of}, several with commas between.`, (given) => {
    const all = given.split(',').map((address) => address.trim())
    return all.every((address) => HOST_AND_PORT.test(address)) ? all : undefined
  })
}

/** The whole path of a folder, which may yet be made. */
export const folderPath: Kind<string> = kind('Give the path of a folder on this machine.', (path) => (/\p{Cc}/u.test(path) ? undefined : callerPath(path)))

/** The text of a file that is named. */
export function fileOf(what: string): Kind<string> {
  return kind(`Give the path of ${what}, which has to be readable.`, (path) => {
    try {
      return readFileSync(callerPath(path), 'utf8')
    } catch {
      return undefined
    }
  })
}

function isUrl(given: string, protocols: readonly string[]): boolean {
  const { protocol, username, password } = URL.parse(given) ?? { protocol: '', username: '', password: '' }
  return protocols.includes(protocol) && username === '' && password === ''
}

export function url(expected: string, protocols: readonly string[]): Kind<string> {
  return kind(expected, (given) => (isUrl(given, protocols) ? given.replace(/\/$/, '') : undefined))
}

/** Several, with commas between. */
export function urls(expected: string, protocols: readonly string[]): Kind<readonly string[]> {
  return kind(expected, (given) => {
    const all = given.split(',').map((each) => each.trim())
    return all.every((each) => isUrl(each, protocols)) ? all : undefined
  })
}
