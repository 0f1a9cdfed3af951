declare module 'cluster-key-slot' {
  /** The slot of a Cluster that a key is in. */
  function calculateSlot(key: string | Buffer): number
  export = calculateSlot
}
