// Loaded before a service (`node --import`): the time of day of its process is off by OFF_CLOCK_MS. Periods and time-outs, which go by another clock, are not.

const realNow = Date.now
const offMs = Number(process.env['OFF_CLOCK_MS'])
Date.now = () => realNow() + offMs
