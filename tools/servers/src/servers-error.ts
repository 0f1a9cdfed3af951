/** Something that whoever runs the servers can act on: what is wrong, where, what to do. It is told without a stack. */
export class ServersError extends Error {
  override readonly name = 'ServersError'
}
