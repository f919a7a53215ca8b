/**
 * How fast 64 bytes of text go in a sealed chat, where each arrives once and in order: to the other side and back, and how
 * many a second one way.
 *
 * The floors are `node:dgram` with the fastest bare cipher, to and back a datagram each, one way as many texts in each as
 * fit. They acknowledge nothing and send nothing again.
 */
import * as Figure from "../Figure.ts"
import * as PeerPair from "../PeerPair.ts"

export const measure = async (quick: boolean): Promise<ReadonlyArray<Figure.Figure>> => {
  const [sealed, single, packed] = [
    await PeerPair.start("sealedPeer.ts"),
    await PeerPair.start("bareSealedPeer.ts"),
    await PeerPair.start("barePackedPeer.ts"),
  ]
  const { p50, p99 } = await PeerPair.roundTrips(quick, sealed, single)
  const rates = await PeerPair.oneWay(quick, sealed, packed, PeerPair.shared)
  await PeerPair.end(sealed, single, packed)
  const micros = { unit: "µs", floorIs: "node:dgram and libsodium", relation: "times" } as const
  return [
    Figure.make(
      {
        ...micros,
        id: "sealed-round-trip-p50",
        name: "64 B sealed, to and back, p50",
        target: { bound: "at most", value: 1.2 },
      },
      p50,
    ),
    Figure.make({ ...micros, id: "sealed-round-trip-p99", name: "64 B sealed, to and back, p99" }, p99),
    Figure.make(
      {
        id: "sealed-one-way",
        name: "64 B sealed, one way",
        unit: "/s",
        floorIs: "node:dgram and libsodium, 17 texts a datagram, none acknowledged",
        relation: "times",
        target: { bound: "at least", value: 0.6 },
      },
      rates,
    ),
  ]
}
