// What a bucket is asked and given, each argument on its own, as the client itself takes them.

import type { BucketQuestion, BucketWrite } from '@tidemark/ports/speed-view-store'
import { collectArguments } from '@tidemark/redis-client/testing/collect-arguments'
import { fillRead } from '../bucket-read.ts'
import { writeArguments } from '../bucket-script.ts'

/** Of HMGET, the key first. */
export function listRead(key: string, question: BucketQuestion): (string | Buffer)[] {
  return collectArguments((to) => fillRead(to, key, question))
}

/** Of the script, after its key. */
export function listWrite({ expected, put }: BucketWrite): (string | Buffer)[] {
  return collectArguments(writeArguments(expected, put)!)
}
