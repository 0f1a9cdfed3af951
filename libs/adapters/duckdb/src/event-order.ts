// The order of events as one HUGEINT, so that first, last and their lists break ties by (event time, partition, offset) with one comparison:
//   event time << 73 | partition << 53 | offset      (53 bits of offset, 20 of partition; the sign is the event time's)

const OFFSET_BITS = 53n
const PARTITION_BITS = 20n
const OFFSET_MASK = (1n << OFFSET_BITS) - 1n
const PARTITION_MASK = (1n << PARTITION_BITS) - 1n
const EVENT_TIME_UNIT = 1n << (OFFSET_BITS + PARTITION_BITS)

export const PARTITION_MAX = Number(PARTITION_MASK)
export const OFFSET_MAX = Number(OFFSET_MASK)

/** SQL for the order of an event from three integer columns. A shift refuses negative numbers, so times are multiplied. */
export function orderSql(eventTime: string, partition: string, offset: string): string {
  return `(${eventTime})::HUGEINT * ${EVENT_TIME_UNIT} + ((${partition})::HUGEINT << ${OFFSET_BITS}) + ${offset}`
}

/** SQL for the columns that an order was made of, as doubles: all three are safe integers. */
export function orderColumnsSql(order: string): { eventTimeMs: string; partition: string; offset: string } {
  return {
    eventTimeMs: `(${order} >> ${OFFSET_BITS + PARTITION_BITS})::DOUBLE`,
    partition: `((${order} >> ${OFFSET_BITS}) & ${PARTITION_MASK})::DOUBLE`,
    offset: `(${order} & ${OFFSET_MASK})::DOUBLE`,
  }
}
