/**
 * Two peers on loopback, each a process of its own, and what is measured of them: how fast 64 bytes of text go from one
 * to the other and back, and how many a second go one way.
 *
 * One way, a bounded number of texts is under way and the receiver confirms some of them, so that nothing is lost and only
 * what has arrived counts.
 */
import * as Figure from "./Figure.ts"
import * as Program from "./Program.ts"
import type { Load } from "./programs/peerLoad.ts"

const text = "x".repeat(64)

/** How much is under way at a time, of `window` texts each `returnEvery`th confirmed. */
export interface Pace {
  readonly window: number
  readonly returnEvery: number
  /** How many texts a measurement has. */
  readonly count: number
}
/** Of texts that are datagrams of their own. */
const alone: Pace = { window: 128, returnEvery: 32, count: 16_000 }
/** Of texts that share datagrams, 17 of them in one. */
export const shared: Pace = { window: 2048, returnEvery: 256, count: 102_400 }

export type PeerPair = readonly [near: Program.Program, far: Program.Program]

/** @param way what the program is told first */
export const start = async (file: string, way = ""): Promise<PeerPair> => {
  const near = await Program.start(file, [way, "near", "far"])
  const far = await Program.start(file, [way, "far", "near"])
  const [nearPort, farPort] = [await near.ask<number>("port"), await far.ask<number>("port")]
  await Promise.all([near.ask("open", farPort), far.ask("open", nearPort)])
  return [near, far]
}

export const end = (...pairs: ReadonlyArray<PeerPair>): Promise<unknown> =>
  Promise.all(pairs.flat().map((program) => program.end()))

/** How often each is measured, and before that without counting. */
const rounds = (quick: boolean): readonly [counted: number, uncounted: number] => (quick ? [3, 1] : [31, 5])

export interface RoundTrips {
  readonly p50: ReadonlyArray<Figure.Round>
  readonly p99: ReadonlyArray<Figure.Round>
}

/** The times to and fro, in microseconds. */
export const roundTrips = async (quick: boolean, measured: PeerPair, floor: PeerPair): Promise<RoundTrips> => {
  const load: Load = { text, count: quick ? 500 : 3000, window: 1, returnEvery: 1 }
  const times = async ([near, far]: PeerPair): Promise<Float64Array> => {
    await far.ask("sendBack", load.returnEvery)
    return Float64Array.from(await near.ask<ReadonlyArray<number>>("roundTrips", load)).toSorted()
  }
  const [counted, uncounted] = rounds(quick)
  const all = await Figure.inTurns(
    counted,
    () => times(measured),
    () => times(floor),
    uncounted,
  )
  const quantiles = (fraction: number) =>
    all.map(({ program, floor }) => ({
      program: Figure.quantile(program, fraction),
      floor: Figure.quantile(floor, fraction),
    }))
  return { p50: quantiles(0.5), p99: quantiles(0.99) }
}

/** How many texts a second arrive. */
export const oneWay = async (
  quick: boolean,
  measured: PeerPair,
  floor: PeerPair,
  pace = alone,
): Promise<ReadonlyArray<Figure.Round>> => {
  const load: Load = { text, ...pace, count: quick ? pace.count / 10 : pace.count }
  const rate = async ([near, far]: PeerPair): Promise<number> => {
    await far.ask("sendBack", load.returnEvery)
    return near.ask<number>("oneWay", load)
  }
  const [counted, uncounted] = rounds(quick)
  return Figure.inTurns(
    counted,
    () => rate(measured),
    () => rate(floor),
    uncounted,
  )
}
