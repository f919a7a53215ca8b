/**
 * How fast 64 bytes of text go from one peer to another and back in plaintext, and how many a second go one way.
 *
 * A program can hear texts as they arrive or take them in a fiber. The path of a datagram is that of the former; what
 * the fiber adds is shown beside it.
 */
import * as Figure from "../Figure.ts"
import * as PeerPair from "../PeerPair.ts"

export const measure = async (quick: boolean): Promise<ReadonlyArray<Figure.Figure>> => {
  const [plain, fiber, floor] = [
    await PeerPair.start("peer.ts", "plain"),
    await PeerPair.start("peer.ts", "fiber"),
    await PeerPair.start("barePeer.ts"),
  ]
  const times = await PeerPair.roundTrips(quick, plain, floor)
  const timesOfFiber = await PeerPair.roundTrips(quick, fiber, floor)
  const rates = await PeerPair.oneWay(quick, plain, floor)
  const ratesOfFiber = await PeerPair.oneWay(quick, fiber, floor)
  await PeerPair.end(plain, fiber, floor)

  const floorIs = "node:dgram, the text as it is"
  const micros = (id: string, name: string) => ({ id, name, unit: "µs", floorIs, relation: "times" }) as const
  const perSecond = (id: string, name: string) => ({ id, name, unit: "/s", floorIs, relation: "times" }) as const
  return [
    Figure.make(
      { ...micros("message-round-trip-p50", "64 B to a peer and back, p50"), target: { bound: "at most", value: 1.3 } },
      times.p50,
    ),
    Figure.make(micros("message-round-trip-p99", "64 B to a peer and back, p99"), times.p99),
    Figure.make(micros("message-round-trip-fiber-p50", "… taken by fibers, p50"), timesOfFiber.p50),
    Figure.make(perSecond("messages-one-way", "64 B one way"), rates),
    Figure.make(perSecond("messages-one-way-fiber", "… taken by a fiber"), ratesOfFiber),
  ]
}
