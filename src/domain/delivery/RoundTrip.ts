/** How long a round trip takes (RFC 9002, section 5). A value; all times in milliseconds. */

/** What timers can tell apart. */
export const granularity = 1
/** What times that are measured in whole milliseconds vary by anyhow, four times. */
const leastVariation = 4
/** The longest that a side waits before it acknowledges. */
export const maxAckDelay = 25
/** What is believed before anything was measured. */
export const initialRtt = 333
/** The longest pause before something is sent again, whatever was measured and however often there was no answer. */
export const maxProbeMillis = 15_000

export interface RoundTrip {
  readonly isMeasured: boolean
  readonly latest: number
  readonly smoothed: number
  readonly variation: number
  readonly least: number
}

export const initial: RoundTrip = {
  isMeasured: false,
  latest: initialRtt,
  smoothed: initialRtt,
  variation: initialRtt / 2,
  least: Infinity,
}

/** @param delay how long the other says it waited, in milliseconds */
export const measure = (state: RoundTrip, latest: number, delay: number): RoundTrip => {
  if (!state.isMeasured) return { isMeasured: true, latest, smoothed: latest, variation: latest / 2, least: latest }
  const least = Math.min(state.least, latest)
  const believed = Math.min(delay, maxAckDelay)
  const adjusted = latest >= least + believed ? latest - believed : latest
  return {
    isMeasured: true,
    latest,
    smoothed: (7 * state.smoothed + adjusted) / 8,
    variation: (3 * state.variation + Math.abs(state.smoothed - adjusted)) / 4,
    least,
  }
}

/** A record is lost when one sent later is acknowledged, and it is older than this (section 6.1.2). */
export const lossMillis = ({ latest, smoothed }: RoundTrip): number =>
  Math.min(Math.max((9 / 8) * Math.max(latest, smoothed), granularity), maxProbeMillis)

/**
 * How long to wait before asking what became of the last record (section 6.2.1). Whole milliseconds, and on a short path
 * always the same: what is due a little sooner with every record wakes a timer with every record.
 */
export const probeMillis = ({ smoothed, variation }: RoundTrip): number =>
  Math.ceil(smoothed + Math.max(4 * variation, leastVariation)) + maxAckDelay

/** The same after so many probes without an answer: twice as long each time, within bounds. */
export const backedOff = (state: RoundTrip, probes: number): number =>
  Math.min(probeMillis(state) * 2 ** Math.min(probes, 16), maxProbeMillis)

/** What is lost for so long, without anything in between arriving, says that the path carries next to nothing (7.6.1). */
export const persistentMillis = (state: RoundTrip): number => 3 * probeMillis(state)
