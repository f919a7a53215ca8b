/**
 * What an open chat costs memory, of 1,000 in one process, whose other sides are in another, each freshly started.
 */
import type * as Figure from "../Figure.ts"
import * as Memories from "../memoryFigures.ts"
import type { Memory } from "../programs/answer.ts"
import * as Program from "../Program.ts"

export const measure = (quick: boolean): Promise<ReadonlyArray<Figure.Figure>> => {
  const chats = quick ? 100 : 1000
  return Memories.measure({
    id: "chat",
    of: `an open chat, of ${chats}`,
    floorIs: "node:dgram with as many sockets, and a key for each",
    mostResident: 36,
    rounds: quick ? 1 : 5,
    program: () => perChat(chats, "sealedChats.ts"),
    floor: () => perChat(chats, "bareSealedChats.ts"),
  })
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
  return Memories.each(before, after, count)
}
