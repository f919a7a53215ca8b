/**
 * What many of something cost the memory of a process, beside as many of the bare thing: each measured in processes that
 * are freshly started.
 */
import * as Figure from "./Figure.ts"
import type { Memory } from "./programs/answer.ts"

export interface Options {
  /** The figures are called `ID-rss` and `ID-heap`. */
  readonly id: string
  /** One of them, and how many there are: `an open chat, of 1000`. */
  readonly of: string
  readonly floorIs: string
  /** The most that one may keep resident above the floor, in KiB. */
  readonly mostResident: number
  readonly rounds: number
  /** KiB of each. */
  readonly program: () => Promise<Memory>
  readonly floor: () => Promise<Memory>
}

export const measure = async (options: Options): Promise<ReadonlyArray<Figure.Figure>> => {
  const { id, of, floorIs, mostResident } = options
  const rounds: Array<{ readonly program: Memory; readonly floor: Memory }> = []
  for (let i = 0; i < options.rounds; i++) {
    rounds.push({ program: await options.program(), floor: await options.floor() })
  }
  const only = (key: keyof Memory) => rounds.map(({ program, floor }) => ({ program: program[key], floor: floor[key] }))
  const common = { unit: "KiB", floorIs, relation: "above" } as const
  return [
    Figure.make(
      {
        ...common,
        id: `${id}-rss`,
        name: `Resident memory ${of}`,
        target: { bound: "at most", value: mostResident },
      },
      only("rss"),
    ),
    Figure.make({ ...common, id: `${id}-heap`, name: `JavaScript heap and buffers ${of}` }, only("heap")),
  ]
}
