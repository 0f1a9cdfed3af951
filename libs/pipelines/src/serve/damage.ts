// Damage is a fact about one entity's state, and no reason to answer nothing about the others. Nor is a store that does not answer, of what it is not needed for.

import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import { soon, type Soon } from '@tidemark/ports/soon'
import { isDamage } from '../is-damage.ts'

/** What a check says is wrong; null: it passes. A bug is thrown. */
export function damageOf(check: () => void): Problem | null {
  try {
    check()
    return null
  } catch (error) {
    if (error instanceof TidemarkError) return error.problems[0]!
    throw error
  }
}

/** What a store answers; where something of what is asked for is damaged, each question is asked alone, and those have a problem in place of an answer. */
export function readUndamaged<Question, Answer>(questions: readonly Question[], read: (questions: readonly Question[]) => Soon<readonly Answer[]>): Soon<readonly (Answer | Problem)[]> {
  const answers = soon(() => read(questions))
  if (!(answers instanceof Promise)) return answers
  return answers.catch(async (error: unknown) => {
    if (!isDamage(error)) throw error
    const each: (Answer | Problem)[] = []
    for (const question of questions) each.push(await readOne(question, read))
    return each
  })
}

/** What is read, or what is made of the reason why it cannot be. A bug is thrown. */
export function orFailure<T, F>(reading: Soon<T>, failed: (problem: Problem) => F): Soon<T | F> {
  if (!(reading instanceof Promise)) return reading
  return reading.catch((error: unknown) => {
    if (error instanceof TidemarkError) return failed(error.problems[0]!)
    throw error
  })
}

async function readOne<Question, Answer>(question: Question, read: (questions: readonly Question[]) => Soon<readonly Answer[]>): Promise<Answer | Problem> {
  try {
    return (await read([question]))[0]!
  } catch (error) {
    if (isDamage(error)) return error.problems[0]!
    throw error
  }
}
