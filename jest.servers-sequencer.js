// The order of suites on servers, of which two run at a time: whole systems first, because they take longest and would run alone at the end, and beside the
// longest one that mostly waits. Jest itself goes by what it has measured before, which a fresh clone has not, or else by the size of the file.
import Sequencer from '@jest/test-sequencer'

const TAKE_LONG = [/killed\.fault/, /ended-hanging/, /servers-away/, /server-set/, /operating/, /image-services/, /upgrade\.integration/, /services\//, /kafka-consumer-groups/, /conformance|examples/]

const placeOf = ({ path }) => {
  const place = TAKE_LONG.findIndex((pattern) => pattern.test(path))
  return place < 0 ? TAKE_LONG.length : place
}

// Jest asks for it as a default export.
export default class LongestFirst extends Sequencer {
  sort(tests) {
    return [...tests].sort((a, b) => placeOf(a) - placeOf(b) || b.context.hasteFS.getSize(b.path) - a.context.hasteFS.getSize(a.path))
  }
}
