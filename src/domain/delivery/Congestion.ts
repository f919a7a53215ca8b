/** How much may be under way: NewReno (RFC 9002, section 7). A value; sizes in bytes, times in milliseconds. */
import { maxRecordBytes } from "../record/RecordHeader.ts"

export const initialWindow = 10 * maxRecordBytes
export const minWindow = 2 * maxRecordBytes
/** More is never under way, however good the path is. */
export const maxWindow = 256 * 1024

export interface Congestion {
  readonly window: number
  /** Below it the window grows by what arrives, above it by a record a round trip. */
  readonly threshold: number
  /** What was sent up to here is of before the last loss, and says nothing new. */
  readonly recoveryAt: number
}

export const initial: Congestion = { window: initialWindow, threshold: Infinity, recoveryAt: -Infinity }

/** Whether one more record may go. */
export const admits = ({ window }: Congestion, inFlight: number): boolean => inFlight + maxRecordBytes <= window

/** Whether so much under way is near to all that may be: a window that is not used proves nothing (section 7.8). */
const isUsed = ({ threshold, window }: Congestion, inFlight: number): boolean =>
  window < threshold ? inFlight * 2 >= window : inFlight + 3 * maxRecordBytes >= window

/**
 * Records arrived.
 *
 * @param bytes of those that were sent after `recoveryAt`
 * @param inFlight before
 */
export const arrived = (state: Congestion, bytes: number, inFlight: number): Congestion => {
  const { threshold, window } = state
  if (bytes === 0 || window === maxWindow || !isUsed(state, inFlight)) return state
  const more = window < threshold ? bytes : (maxRecordBytes * bytes) / window
  return { ...state, window: Math.min(window + more, maxWindow) }
}

/** Records were lost, the last of them sent at `sentAt`: half the window, once for each round trip. */
export const lost = (state: Congestion, sentAt: number, now: number): Congestion => {
  if (sentAt <= state.recoveryAt) return state
  const window = Math.max(state.window / 2, minWindow)
  return { window, threshold: window, recoveryAt: now }
}

/** Everything was lost for a long time (section 7.6.2). */
export const collapsed = (state: Congestion): Congestion => ({ ...state, window: minWindow, recoveryAt: -Infinity })
