// The name of a process among those that share a folder: `dev-1`, `dev-2` … A name belongs to whom its register names; one whose process is
// gone is free again, so that a process which was killed is replaced at once and nobody waits for its session to run out.
//
//   register member/NAME   the mark of the process that has the name (process-mark.ts), ASCII

import { markOfThisProcess, stateOfProcess } from '@tidemark/machine/process-mark'
import type { RegisterStore } from '@tidemark/ports/register-store'

/** Claims the first free name. A process has one folder open once. */
export async function claimMember(registers: RegisterStore, prefix: string): Promise<string> {
  const mark = markOfThisProcess()
  for (let number = 1; ; ) {
    const name = `${prefix}-${number}`
    const register = await registers.read(`member/${name}`)
    const owner = register === null ? null : Buffer.from(register.bytes).toString()
    if (owner !== null && owner !== mark && stateOfProcess(owner) !== 'gone') number++
    // Whoever was faster is looked at in the next round.
    else if ((await registers.compareAndSet(`member/${name}`, register?.revision ?? null, Buffer.from(mark))) !== null) return name
  }
}
