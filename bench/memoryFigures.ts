/**
 * What many of something cost the memory of a process, beside as many of the bare thing: each measured in processes that
 * are freshly started, before there are many and when there are.
 *
 * What they keep resident is asked when V8 has given back what it can do without (`Memory`), of both alike: else a figure
 * a thing says above all how far the young generation had grown when they came. That, too, is shown, and has no target.
 */
import * as Figure from "./Figure.ts"
import type { Memory } from "./programs/answer.ts"

export interface Options {
  /** The figures are called `ID-rss`, `ID-rss-at-once` and `ID-heap`. */
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

/** What so many of them have brought about, in KiB each. */
export const each = (before: Memory, after: Memory, count: number): Memory => {
  const of = (now: number, then: number) => (now - then) / 1024 / count
  return {
    rss: of(after.rss, before.rss),
    rssAtOnce: of(after.rssAtOnce, before.rss),
    heap: of(after.heap, before.heap),
  }
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
    Figure.make(
      { ...common, id: `${id}-rss-at-once`, name: `Resident memory with V8's young generation ${of}` },
      only("rssAtOnce"),
    ),
    Figure.make({ ...common, id: `${id}-heap`, name: `JavaScript heap and buffers ${of}` }, only("heap")),
  ]
}
