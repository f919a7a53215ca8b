/**
 * What is told of the records that came, and when (RFC 9000, section 13.2; PROTOCOL.md, section 16.2). A value.
 *
 * Two epochs are remembered: shortly after a rekey records of the one before still come. What asks for an answer is a
 * record with DATA; all others are only counted, so that they make no gaps.
 */
import * as Frame from "../record/Frame.ts"
import * as AckRanges from "./AckRanges.ts"
import type { RecordNumber } from "./LossRecovery.ts"
import { maxAckDelay } from "./RoundTrip.ts"

/**
 * So many records that ask are acknowledged at once; fewer within `maxAckDelay`. The more came in order, the more: by then
 * even a window that was the smallest has grown to so many under way, and each answer costs both sides more than a record,
 * for it wakes one that sleeps (RFC 9000, section 13.2.2).
 */
const askingAtOnce = (orderly: number): number => (orderly < 32 ? 2 : orderly < mostOrderly ? 8 : 16)

/** So many in order are counted. */
const mostOrderly = 128

/** The records of an epoch. */
interface Seen {
  readonly epoch: number
  readonly ranges: AckRanges.AckRanges | undefined
  /** The highest counter; -1 before the first. */
  readonly highest: number
  /** The highest counter that asked, and when it came, in milliseconds. */
  readonly highestAsking: number
  readonly askedAt: number
  /** So many have asked since the last answer. */
  readonly asking: number
}

export interface Acknowledging {
  readonly current: Seen
  readonly previous: Seen | undefined
  /** When an answer is due, in milliseconds: `Infinity` for never, `-Infinity` for at once. */
  readonly dueAt: number
  /** So many that asked have come in order, with nothing missing before them, `mostOrderly` at most. */
  readonly orderly: number
}

const unseen = (epoch: number): Seen => ({
  epoch,
  ranges: undefined,
  highest: -1,
  highestAsking: -1,
  askedAt: 0,
  asking: 0,
})

export const initial: Acknowledging = { current: unseen(0), previous: undefined, dueAt: Infinity, orderly: 0 }

/**
 * A record came.
 *
 * @param asks whether it has DATA
 * @param isOrderly its DATA was what was waited for
 * @param isWhole no DATA before what has come is missing
 */
export const heard = (
  state: Acknowledging,
  { epoch, counter }: RecordNumber,
  asks: boolean,
  isOrderly: boolean,
  isWhole: boolean,
  now: number,
): Acknowledging => {
  const { current, previous } = state
  const isCurrent = epoch === current.epoch
  if (!isCurrent && previous !== undefined && epoch < previous.epoch) return state
  const before = isCurrent ? current : epoch === previous?.epoch ? previous : unseen(epoch)
  const seen = add(before, counter, asks, now)
  const isNext = epoch > current.epoch || seen.highest === before.highest + 1
  const dueAt = asks ? answerAt(state, seen, isOrderly && isNext, now) : state.dueAt
  const orderly = asks ? inOrder(state, isOrderly && isNext, isWhole) : state.orderly
  if (isCurrent) return { current: seen, previous, dueAt, orderly }
  return epoch > current.epoch
    ? { current: seen, previous: current, dueAt, orderly }
    : { current, previous: seen, dueAt, orderly }
}

const add = (seen: Seen, counter: number, asks: boolean, now: number): Seen => {
  const isHighest = asks && counter > seen.highestAsking
  return {
    epoch: seen.epoch,
    ranges: AckRanges.add(seen.ranges, counter),
    highest: Math.max(seen.highest, counter),
    highestAsking: isHighest ? counter : seen.highestAsking,
    askedAt: isHighest ? now : seen.askedAt,
    asking: asks ? seen.asking + 1 : seen.asking,
  }
}

/** When to answer a record that asks. At a gap the other learns at once what is missing, or is no longer. */
const answerAt = (state: Acknowledging, { asking }: Seen, isOrderly: boolean, now: number): number =>
  !isOrderly || asking >= askingAtOnce(state.orderly) ? -Infinity : Math.min(state.dueAt, now + maxAckDelay)

/** How many have come in order with one that asks. */
const inOrder = ({ orderly }: Acknowledging, isOrderly: boolean, isWhole: boolean): number =>
  isOrderly && isWhole ? Math.min(orderly + 1, mostOrderly) : 0

/** Something is to be told that no record asked for. */
export const tell = (state: Acknowledging): Acknowledging =>
  state.dueAt === -Infinity ? state : { ...state, dueAt: -Infinity }

/** The time has come, or not. */
export const due = (state: Acknowledging, now: number): Acknowledging => (state.dueAt <= now ? tell(state) : state)

/** When there is an answer to give that is not due at once. */
export const nextDueAt = ({ dueAt }: Acknowledging): number => (dueAt === -Infinity ? Infinity : dueAt)

/** Whether to answer with a record that has room anyhow. */
export const isWaiting = ({ dueAt }: Acknowledging): boolean => dueAt !== Infinity

/**
 * The acknowledgements to send, in at most so many bytes: of the epoch before only if it was asked for there. None where
 * they don't fit.
 */
export const answer = (
  state: Acknowledging,
  consumed: number,
  limit: number,
  roomBytes: number,
  now: number,
): readonly [Acknowledging, ReadonlyArray<Frame.Ack>] => {
  const { current, orderly, previous } = state
  if (previous === undefined || previous.asking === 0) {
    const ack = ackOf(current, consumed, limit, roomBytes, now)
    if (ack === undefined) return [state, noAcks]
    return [{ current: answered(current), previous, dueAt: Infinity, orderly }, [ack]]
  }
  const before = ackOf(previous, consumed, limit, roomBytes, now)
  if (before === undefined) return [state, noAcks]
  const next = { ...state, previous: answered(previous) }
  // Where only that epoch was asked for, its answer has said everything.
  if (current.asking === 0) return [{ ...next, dueAt: Infinity }, [before]]
  const [told, acks] = answer(next, consumed, limit, roomBytes - Frame.length(before), now)
  return [told, [before, ...acks]]
}

const noAcks: ReadonlyArray<Frame.Ack> = []

/** What is told of the records of an epoch; none where it does not fit. */
const ackOf = (
  { askedAt, epoch, highestAsking, ranges }: Seen,
  consumed: number,
  limit: number,
  roomBytes: number,
  now: number,
): Frame.Ack | undefined => {
  const least = ranges === undefined ? 0 : 1
  if (roomBytes < Frame.ackLength(least)) return undefined
  const most = Math.floor((roomBytes - Frame.ackLength(0)) / (Frame.ackLength(1) - Frame.ackLength(0)))
  const waited = highestAsking < 0 ? 0 : Math.floor(now - askedAt)
  return {
    _tag: "Ack",
    consumed,
    limit,
    delay: Math.max(0, Math.min(waited, Frame.maxAckDelay)),
    epoch,
    ranges: AckRanges.toArray(ranges, Math.min(most, Frame.maxAckRanges)),
  }
}

const answered = (seen: Seen): Seen => (seen.asking === 0 ? seen : { ...seen, asking: 0 })

/** The other knows that a record and those before it came: they need not be told again. */
export const known = (state: Acknowledging, { counter, epoch }: RecordNumber): Acknowledging => {
  const { current, previous } = state
  if (epoch === current.epoch) return { ...state, current: forget(current, counter) }
  if (epoch === previous?.epoch) return { ...state, previous: forget(previous, counter) }
  return state
}

const forget = (seen: Seen, counter: number): Seen => ({ ...seen, ranges: AckRanges.above(seen.ranges, counter) })
