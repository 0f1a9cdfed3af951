// The aggregation core as the laws see it: a handful of functions, so that a suite can hand in a broken one.

import { encodeBatchBlob } from '../batch-blob.ts'
import { encodeState, openState } from '../entity-state.ts'
import { dropSections, foldEvent } from '../fold.ts'
import { mergeAtCut } from '../merge.ts'
import { planView } from '../view-plan.ts'

export const CORE = { planView, encodeBatchBlob, openState, foldEvent, dropSections, encodeState, mergeAtCut }
export type Core = typeof CORE
