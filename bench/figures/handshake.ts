/**
 * What the handshake of a chat costs, both sides of it together, beside the primitives that it can't do without.
 */
import * as Figure from "../Figure.ts"
import * as Program from "../Program.ts"
import type { Cost } from "../programs/handshake.ts"

export const measure = async (quick: boolean): Promise<ReadonlyArray<Figure.Figure>> => {
  const program = await Program.start("handshake.ts")
  const count = quick ? 20 : 200
  const rounds = await Figure.inTurns(
    quick ? 3 : 11,
    () => program.ask<Cost>("handshake", count),
    () => program.ask<Cost>("alone", count),
    2,
  )
  await program.end()
  const of = (what: keyof Cost) => rounds.map(({ program, floor }) => ({ program: program[what], floor: floor[what] }))
  const common = {
    unit: "µs",
    relation: "times",
    floorIs: "its X25519, Ed25519 and ML-KEM-768 operations alone",
  } as const
  return [
    Figure.make({ ...common, id: "handshake-wall", name: "Handshake, both sides" }, of("wall")),
    Figure.make({ ...common, id: "handshake-cpu", name: "… processor time" }, of("cpu")),
  ]
}
