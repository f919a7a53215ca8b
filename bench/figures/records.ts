/**
 * What sealing costs: the record layer by itself beside the cipher by itself. Sizes are those of a record's plaintext.
 */
import * as Figure from "../Figure.ts"
import * as Program from "../Program.ts"
import type { Work } from "../programs/records.ts"

export const measure = async (quick: boolean): Promise<ReadonlyArray<Figure.Figure>> => {
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
