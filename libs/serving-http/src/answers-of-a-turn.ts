// Answers to requests that came in one turn of the event loop leave together, at its end. A write wakes whoever waits for it, and a processor
// that is asleep is slow to wake: answers that go one after the other wake it once, where one now and one then wake it each time.

import type { ServerResponse } from 'node:http'
import { send } from './send.ts'

export class AnswersOfATurn {
  private waiting: { readonly response: ServerResponse; readonly text: string }[] = []

  /** Sends JSON text with status 200 before the event loop's next turn. */
  send(response: ServerResponse, text: string): void {
    this.waiting.push({ response, text })
    if (this.waiting.length === 1) setImmediate(() => this.sendAll())
  }

  private sendAll(): void {
    const leaving = this.waiting
    this.waiting = []
    for (const { response, text } of leaving) send(response, 200, text)
  }
}
