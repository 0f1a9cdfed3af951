// What somebody may try on the API that a demo leaves up.

/** Commands that work: an event of now, and questions that it is in the answers of. */
export function exampleCommands(url: string, nowMs: number): { readonly title: string; readonly command: string }[] {
  const curl = (path: string, body: object): string => `curl -s ${url}${path} -H 'content-type: application/json' -d '${JSON.stringify(body)}'`
  return [
    { title: 'ask what the delay model reads of a flight', command: curl('/v1/features', { service: 'delay_model', entities: [{ airport: 'SFO', origin: 'SFO', destination: 'JFK' }] }) },
    { title: 'send a flight', command: curl('/v1/events/flights', { date: new Date(nowMs).toISOString(), delay: 47, distance: 2586, origin: 'SFO', destination: 'JFK' }) },
    { title: 'ask for some features, with what each is made of', command: curl('/v1/features', { features: ['airport_delays:departures_1h', 'airport_delays:delay_max_24h'], entities: [{ airport: 'SFO' }, { airport: 'JFK' }], explain: true }) },
    { title: 'see what can be asked for', command: `curl -s ${url}/v1/catalog` },
  ]
}
