/**
 * How fast 64 bytes of text go from one peer to another and back, and how many a second go one way.
 *
 * Each side is a process of its own. One way, a bounded number of texts is under way and the receiver confirms each
 * 32nd, so that nothing is lost and only what has arrived counts.
 *
 * A program can hear texts as they arrive or take them in a fiber. The path of a datagram is that of the former; what
 * the fiber adds is shown beside it.
 */
import * as Figure from "../Figure.ts"
import * as Program from "../Program.ts"
import type { Load } from "../programs/peerLoad.ts"

const text = "x".repeat(64)
const returnEvery = 32
const window = 128

type Pair = readonly [near: Program.Program, far: Program.Program]

export const measure = async (quick: boolean): Promise<ReadonlyArray<Figure.Figure>> => {
  const [plain, fiber, floor] = [
    await connect("peer.ts", "plain"),
    await connect("peer.ts", "fiber"),
    await connect("barePeer.ts"),
  ]
  const toAndFro: Load = { text, count: quick ? 500 : 3000, window: 1, returnEvery: 1 }
  const manyOneWay: Load = { text, count: quick ? 3200 : 16_000, window, returnEvery }
  const inTurns = <A>(measured: Pair, measure: (pair: Pair, load: Load) => Promise<A>, load: Load) =>
    Figure.inTurns(
      quick ? 3 : 31,
      () => measure(measured, load),
      () => measure(floor, load),
      quick ? 1 : 5,
    )
  const times = await inTurns(plain, roundTrips, toAndFro)
  const timesOfFiber = await inTurns(fiber, roundTrips, toAndFro)
  const rates = await inTurns(plain, oneWay, manyOneWay)
  const ratesOfFiber = await inTurns(fiber, oneWay, manyOneWay)
  await Promise.all([...plain, ...fiber, ...floor].map((_) => _.end()))

  const floorIs = "node:dgram, the text as it is"
  const micros = (id: string, name: string) => ({ id, name, unit: "µs", floorIs, relation: "times" }) as const
  const perSecond = (id: string, name: string) => ({ id, name, unit: "/s", floorIs, relation: "times" }) as const
  return [
    Figure.make(
      { ...micros("message-round-trip-p50", "64 B to a peer and back, p50"), target: { bound: "at most", value: 1.3 } },
      quantiles(times, 0.5),
    ),
    Figure.make(micros("message-round-trip-p99", "64 B to a peer and back, p99"), quantiles(times, 0.99)),
    Figure.make(micros("message-round-trip-fiber-p50", "… taken by fibers, p50"), quantiles(timesOfFiber, 0.5)),
    Figure.make(perSecond("messages-one-way", "64 B one way"), rates),
    Figure.make(perSecond("messages-one-way-fiber", "… taken by a fiber"), ratesOfFiber),
  ]
}

const quantiles = (
  rounds: ReadonlyArray<{ readonly program: Float64Array; readonly floor: Float64Array }>,
  fraction: number,
): ReadonlyArray<Figure.Round> =>
  rounds.map(({ program, floor }) => ({
    program: Figure.quantile(program, fraction),
    floor: Figure.quantile(floor, fraction),
  }))

const connect = async (file: string, way = ""): Promise<Pair> => {
  const near = await Program.start(file, [way, "near", "far"])
  const far = await Program.start(file, [way, "far", "near"])
  const [nearPort, farPort] = [await near.ask<number>("port"), await far.ask<number>("port")]
  await Promise.all([near.ask("open", farPort), far.ask("open", nearPort)])
  return [near, far]
}

/** The times of all, in microseconds, in ascending order. */
const roundTrips = async ([near, far]: Pair, load: Load): Promise<Float64Array> => {
  await far.ask("sendBack", load.returnEvery)
  return Float64Array.from(await near.ask<ReadonlyArray<number>>("roundTrips", load)).toSorted()
}

const oneWay = async ([near, far]: Pair, load: Load): Promise<number> => {
  await far.ask("sendBack", load.returnEvery)
  return near.ask<number>("oneWay", load)
}
