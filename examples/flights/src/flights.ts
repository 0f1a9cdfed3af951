// The features of the flights: by airport of origin, by route and by airport of destination, and the service a model would read.
import { approxUniqueCount, count, max, mean, min, quantile, topK } from '@tidemark/feature-schema/aggregations'
import { all, eventSource, featureService, featureView, int32, string, timestamp } from '@tidemark/feature-schema/dsl'

/** Domestic US flights of January to June 2001, by scheduled departure. Delays are in minutes, distances in miles. */
export const flights = eventSource('flights', {
  fields: {
    date: timestamp(),
    // A day early or late is a typing error of whoever reported it.
    delay: int32().between(-120, 1_440),
    distance: int32().between(1, 10_000),
    origin: string(),
    destination: string(),
  },
  eventTime: 'date',
  epochLength: '1d',
  description: 'Scheduled departures with the delay at arrival',
})

export const airportDelays = featureView('airport_delays', {
  source: flights,
  entity: { airport: 'origin' },
  derive: { late: int32('delay > 15 ? 1 : 0') },
  features: {
    departures: count().over('1h', '24h', '7d', 'lifetime'),
    late_share: mean('late').over('1h', '24h', '7d'),
    delay_mean: mean('delay').over('1h', '24h', '7d', 'lifetime'),
    delay_max: max('delay').over('24h', '7d'),
    delay_p50: quantile('delay', 0.5).over('24h', '7d'),
    delay_p95: quantile('delay', 0.95).over('24h', '7d'),
    worst_delays: topK('delay', 3).over('24h'),
    destinations: approxUniqueCount('destination').over('24h', '7d'),
  },
  description: 'How busy and how late an airport is, by its departures',
})

export const routeDelays = featureView('route_delays', {
  source: flights,
  entity: { origin: 'origin', destination: 'destination' },
  features: {
    flights: count().over('24h', '7d', '30d', 'lifetime'),
    delay_mean: mean('delay').over('24h', '7d', '30d', 'lifetime'),
    delay_p95: quantile('delay', 0.95).over('30d'),
    worst_delays: topK('delay', 3).over('30d'),
    best_delay: min('delay').over('30d'),
  },
  description: 'How late flights between two airports are',
})

export const destinationDelays = featureView('destination_delays', {
  source: flights,
  entity: { airport: 'destination' },
  features: {
    arrivals: count().over('1h', '24h', '7d', 'lifetime'),
    delay_mean: mean('delay').over('1h', '24h', '7d', 'lifetime'),
    delay_p95: quantile('delay', 0.95).over('24h'),
    late_origins: approxUniqueCount('origin').where('delay > 60').over('24h'),
  },
  description: 'How late flights into an airport are',
})

/** What a model that predicts delays would ask for. */
export const delayModel = featureService('delay_model', {
  features: [all(airportDelays), all(routeDelays)],
})
