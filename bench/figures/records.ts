/**
 * What sealing costs: the record layer by itself beside the cipher by itself, and texts over records between two
 * processes beside `node:dgram` with the cipher.
 *
 * Sizes are those of a record's plaintext; 64 bytes of text are in one of 128.
 */
import * as Figure from "../Figure.ts"
import * as PeerPair from "../PeerPair.ts"
import * as Program from "../Program.ts"
import type { Work } from "../programs/records.ts"

export const measure = async (quick: boolean): Promise<ReadonlyArray<Figure.Figure>> => [
  ...(await measureLayer(quick)),
  ...(await measureMessages(quick)),
]

const measureLayer = async (quick: boolean): Promise<ReadonlyArray<Figure.Figure>> => {
  const program = await Program.start("records.ts")
  const inTurns = (question: string, floor: string, size: number) => {
    const work: Work = { size, count: quick ? 5000 : 20_000 }
    return Figure.inTurns(
      quick ? 3 : 21,
      () => program.ask<number>(question, work),
      () => program.ask<number>(floor, work),
      quick ? 3 : 5,
    )
  }
  const micros = { unit: "µs", relation: "times" } as const
  const sodium = "libsodium on its heap, the cipher alone"
  const node = "node:crypto with a KeyObject, the cipher alone"
  const opening = "opening a genuine record of that size"
  const figures = [
    Figure.make(
      { ...micros, id: "record-64", name: "Seal and open 64 B", floorIs: sodium, target: atMost(1.5) },
      await inTurns("sealAndOpen", "sodium", 64),
    ),
    Figure.make(
      { ...micros, id: "record-1200", name: "Seal and open 1,200 B", floorIs: sodium, target: atMost(1.5) },
      await inTurns("sealAndOpen", "sodium", 1200),
    ),
    Figure.make(
      { ...micros, id: "record-64-node", name: "… 64 B beside node:crypto", floorIs: node },
      await inTurns("sealAndOpen", "node", 64),
    ),
    Figure.make(
      { ...micros, id: "record-1200-node", name: "… 1,200 B beside node:crypto", floorIs: node },
      await inTurns("sealAndOpen", "node", 1200),
    ),
    Figure.make(
      { ...micros, id: "record-unknown", name: "Drop an unknown index, 64 B", floorIs: opening, target: atMost(0.1) },
      await inTurns("dropUnknown", "open", 64),
    ),
    Figure.make(
      { ...micros, id: "record-forged-64", name: "Drop a forgery, 64 B", floorIs: opening, target: atMost(2) },
      await inTurns("dropForged", "open", 64),
    ),
    Figure.make(
      { ...micros, id: "record-forged-1200", name: "Drop a forgery, 1,200 B", floorIs: opening, target: atMost(2) },
      await inTurns("dropForged", "open", 1200),
    ),
  ]
  await program.end()
  return figures
}

const atMost = (value: number): Figure.Target => ({ bound: "at most", value })

const measureMessages = async (quick: boolean): Promise<ReadonlyArray<Figure.Figure>> => {
  const [sealed, floor] = [await PeerPair.start("sealedPeer.ts"), await PeerPair.start("bareSealedPeer.ts")]
  const { p50, p99 } = await PeerPair.roundTrips(quick, sealed, floor)
  const rates = await PeerPair.oneWay(quick, sealed, floor)
  await PeerPair.end(sealed, floor)
  const floorIs = "node:dgram and libsodium"
  const micros = { unit: "µs", floorIs, relation: "times" } as const
  return [
    Figure.make(
      { ...micros, id: "sealed-round-trip-p50", name: "64 B sealed, to and back, p50", target: atMost(1.5) },
      p50,
    ),
    Figure.make({ ...micros, id: "sealed-round-trip-p99", name: "64 B sealed, to and back, p99" }, p99),
    Figure.make({ id: "sealed-one-way", name: "64 B sealed, one way", unit: "/s", floorIs, relation: "times" }, rates),
  ]
}
