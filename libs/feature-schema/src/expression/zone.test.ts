import { expect, it } from '@jest/globals'
import { fromWall, toWall, zoneNamed } from './zone.ts'

const chicago = zoneNamed('America/Chicago')!
const saoPaulo = zoneNamed('America/Sao_Paulo')!
const HOUR_MS = 3_600_000

it('changes to summer time at the very millisecond', () => {
  const change = Date.UTC(2001, 3, 1, 8)
  expect(toWall(chicago, change - 1)).toBe(change - 1 - 6 * HOUR_MS)
  expect(toWall(chicago, change)).toBe(change - 5 * HOUR_MS)
})

it('takes the first of two equal wall-clock times', () => {
  const twice = Date.UTC(2001, 9, 28, 1, 30)
  expect(fromWall(chicago, twice)).toBe(twice + 5 * HOUR_MS)
})

it('moves a wall-clock time that is left out to after the change', () => {
  // Brazil's clocks went from 0:00 to 1:00 on 2001-10-14.
  const midnight = Date.UTC(2001, 9, 14)
  expect(fromWall(saoPaulo, midnight)).toBe(midnight + 3 * HOUR_MS)
  expect(toWall(saoPaulo, fromWall(saoPaulo, midnight))).toBe(midnight + HOUR_MS)
})

it('gives every moment back from its wall-clock time, but in the hour that comes twice', () => {
  for (const name of ['Europe/London', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Pacific/Apia']) {
    const zone = zoneNamed(name)!
    for (const change of zone.byUtc.changesMs) {
      for (const moment of [change - 3 * HOUR_MS, change - 1, change + 3 * HOUR_MS])
        expect(fromWall(zone, toWall(zone, moment))).toBe(moment)
    }
  }
})

it('keeps the offsets of the table at both ends', () => {
  expect(toWall(chicago, Date.UTC(1600, 0, 1))).toBe(Date.UTC(1600, 0, 1) - 6 * HOUR_MS)
  expect(toWall(chicago, Date.UTC(2300, 6, 1))).toBe(Date.UTC(2300, 6, 1) - 6 * HOUR_MS)
})

it('knows offsets and aliases, and no invented zones', () => {
  expect(toWall(zoneNamed('+05:30')!, 0)).toBe(5.5 * HOUR_MS)
  expect(toWall(zoneNamed('US/Central')!, 0)).toBe(-6 * HOUR_MS)
  expect(zoneNamed('America/Springfield')).toBeNull()
  expect(zoneNamed('')).toBeNull()
})
