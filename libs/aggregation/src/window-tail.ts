// Where a window begins. A window W asked at t covers event times in [tail, t); the tail is rounded down to the window's
// resolution, so a window may reach back by up to one resolution more than W and never less.

/** The tail of the window of `windowMs` asked at `atMs`: epoch milliseconds, a multiple of `resolutionMs`. */
export function windowTailMs(atMs: number, windowMs: number, resolutionMs: number): number {
  return Math.floor((atMs - windowMs) / resolutionMs) * resolutionMs
}
