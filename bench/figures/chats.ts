/**
 * What an open chat costs memory, of 1,000 in one process, whose other sides are in another, each freshly started.
 */
import * as Figure from "../Figure.ts"
import type { Memory } from "../programs/answer.ts"
import * as Program from "../Program.ts"

export const measure = async (quick: boolean): Promise<ReadonlyArray<Figure.Figure>> => {
  const chats = quick ? 100 : 1000
  const rounds: Array<{ readonly program: Memory; readonly floor: Memory }> = []
  for (let i = 0; i < (quick ? 1 : 5); i++) {
    rounds.push({
      program: await perChat(chats, "sealedChats.ts"),
      floor: await perChat(chats, "bareSealedChats.ts"),
    })
  }
  const floorIs = "node:dgram with as many sockets, and a key for each"
  const only = (key: keyof Memory) => rounds.map(({ program, floor }) => ({ program: program[key], floor: floor[key] }))
  return [
    Figure.make(
      {
        id: "chat-rss",
        name: `Resident memory an open chat, of ${chats}`,
        unit: "KiB",
        floorIs,
        relation: "above",
        target: { bound: "at most", value: 36 },
      },
      only("rss"),
    ),
    Figure.make(
      {
        id: "chat-heap",
        name: `JavaScript heap and buffers an open chat, of ${chats}`,
        unit: "KiB",
        floorIs,
        relation: "above",
      },
      only("heap"),
    ),
  ]
}

/** The memory of one side that its chats brought about, in KiB a chat. */
const perChat = async (count: number, file: string): Promise<Memory> => {
  const near = await Program.start(file, ["near"], ["--expose-gc"])
  const far = await Program.start(file, ["far"])
  const open = async (count: number): Promise<void> => {
    const [nearPorts, farPorts] = [
      await near.ask<ReadonlyArray<number>>("bind", count),
      await far.ask<ReadonlyArray<number>>("bind", count),
    ]
    await Promise.all([near.ask("open", farPorts), far.ask("open", nearPorts)])
  }
  // What is loaded and compiled with the first chats is not theirs.
  await open(50)
  const before = await near.ask<Memory>("memory")
  await open(count)
  const after = await near.ask<Memory>("memory")
  await Promise.all([near.end(), far.end()])
  const each = (key: keyof Memory) => (after[key] - before[key]) / 1024 / count
  return { rss: each("rss"), heap: each("heap") }
}
