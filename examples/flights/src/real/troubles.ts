// What services and the producer warn of while a run goes on: each kind told when it comes first, and counted.

export class Troubles {
  private readonly counts = new Map<string, number>()
  private readonly tell: (text: string) => void

  constructor(tell: (text: string) => void) {
    this.tell = tell
  }

  /** Numbers make no other kind of it. */
  add(text: string): void {
    const kind = text.replaceAll(/\d+/g, '…')
    const count = (this.counts.get(kind) ?? 0) + 1
    this.counts.set(kind, count)
    if (count === 1) this.tell(text)
  }

  /** A line for each kind that came more than once. */
  repeated(): string[] {
    return Array.from(this.counts).filter(([, count]) => count > 1).map(([kind, count]) => `${count} times: ${kind}`)
  }
}
