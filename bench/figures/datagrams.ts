/**
 * How fast 64 bytes of text go from one peer to another and back, and how many a second go one way.
 *
 * Each side is a process of its own. One way, a bounded number of texts is under way and the receiver confirms each
 * 32nd, so that nothing is lost and only what has arrived counts.
 */
import * as Figure from "../Figure.ts"
import * as Program from "../Program.ts"
import type { Load } from "../programs/barePeer.ts"

const text = "x".repeat(64)
const returnEvery = 32
const window = 128

type Side = readonly [near: Program.Program, far: Program.Program]

export const measure = async (quick: boolean): Promise<ReadonlyArray<Figure.Figure>> => {
  const [program, floor] = [await connect("peer.ts"), await connect("barePeer.ts")]
  const rounds = quick ? 3 : 15
  const roundTripLoad: Load = { text, count: quick ? 500 : 4000, window: 1, returnEvery: 1 }
  const times = await Figure.inTurns(
    rounds,
    () => roundTrips(program, roundTripLoad),
    () => roundTrips(floor, roundTripLoad),
  )
  const oneWayLoad: Load = { text, count: quick ? 3200 : 32_000, window, returnEvery }
  const rates = await Figure.inTurns(
    rounds,
    () => oneWay(program, oneWayLoad),
    () => oneWay(floor, oneWayLoad),
  )
  await Promise.all([...program, ...floor].map((_) => _.end()))

  const quantile = (fraction: number) =>
    times.map(({ program, floor }) => ({
      program: Figure.quantile(program, fraction),
      floor: Figure.quantile(floor, fraction),
    }))
  const floorIs = "node:dgram, same text"
  return [
    Figure.make(
      {
        id: "message-round-trip-p50",
        name: "Round trip of 64 B between peers, p50",
        unit: "µs",
        floorIs,
        relation: "times",
        target: { bound: "at most", value: 1.3 },
      },
      quantile(0.5),
    ),
    Figure.make(
      {
        id: "message-round-trip-p99",
        name: "Round trip of 64 B between peers, p99",
        unit: "µs",
        floorIs,
        relation: "times",
      },
      quantile(0.99),
    ),
    Figure.make(
      {
        id: "messages-one-way",
        name: "Messages of 64 B one way",
        unit: "/s",
        floorIs,
        relation: "times",
      },
      rates,
    ),
  ]
}

const connect = async (file: string): Promise<Side> => {
  const near = await Program.start(file, ["near", "far"])
  const far = await Program.start(file, ["far", "near"])
  const [nearPort, farPort] = [await near.ask<number>("port"), await far.ask<number>("port")]
  await Promise.all([near.ask("open", farPort), far.ask("open", nearPort)])
  await far.ask("sendBack")
  return [near, far]
}

/** The times of all, in microseconds, in ascending order. */
const roundTrips = async ([near, far]: Side, load: Load): Promise<Float64Array> => {
  await far.ask("every", load.returnEvery)
  return Float64Array.from(await near.ask<ReadonlyArray<number>>("roundTrips", load)).toSorted()
}

const oneWay = async ([near, far]: Side, load: Load): Promise<number> => {
  await far.ask("every", load.returnEvery)
  return near.ask<number>("oneWay", load)
}
