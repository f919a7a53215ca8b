/**
 * How long it takes from `/chat` to the first message, with the built command: a server and two people who are online,
 * one of whom takes every call. She writes as soon as she is connected.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Command from "../Command.ts"
import * as Figure from "../Figure.ts"

const command = join(import.meta.dirname, "../../dist/nomitm.mjs")
const talk = join(import.meta.dirname, "../programs/bareTalk.ts")

export const measure = async (quick: boolean): Promise<ReadonlyArray<Figure.Figure>> => {
  const folder = await mkdtemp(join(tmpdir(), "nomitm-bench-"))
  const programs: Array<Command.Command> = []
  const start = async (ready: string, ...args: ReadonlyArray<string>) => {
    const program = Command.start(args)
    programs.push(program)
    return [program, await program.next(ready)] as const
  }
  try {
    const data = join(folder, "server")
    const [, { url }] = await start(
      "listening",
      command,
      "server",
      "--port",
      "0",
      "--data",
      data,
      "--bind",
      "127.0.0.1",
      "--json",
    )
    // Two on one machine agree on a port only if each has an address of its own.
    const peer = async (name: string, address: string, ...args: ReadonlyArray<string>) => {
      const own = ["peer", name, "--server", String(url), "--home", join(folder, name), "--bind", address, "--json"]
      return (await start("registered", command, ...own, ...args))[0]
    }
    const [alice, bob] = [await peer("alice", "127.0.0.2"), await peer("bob", "127.0.0.3", "--accept", "anyone")]

    const [, { port }] = await start("listening", talk, "relay")
    const [[near], [far]] = [
      await start("registered", talk, "near", String(port)),
      await start("registered", talk, "far", String(port)),
    ]

    const rounds = await Figure.inTurns(
      // A server takes ten calls a minute from one person.
      quick ? 3 : 8,
      () => millisToMessage(alice, bob),
      async () => {
        const startedAt = performance.now()
        near.type("hello")
        await far.next("message")
        return performance.now() - startedAt
      },
      1,
    )
    return [
      Figure.make(
        {
          id: "first-message",
          name: "/chat to the first message",
          unit: "ms",
          floorIs: "three round trips of a line and the message, over TCP through a third program",
          relation: "above",
        },
        rounds,
      ),
    ]
  } finally {
    await Promise.all(programs.map((program) => program.end()))
    await rm(folder, { recursive: true })
  }
}

const millisToMessage = async (alice: Command.Command, bob: Command.Command): Promise<number> => {
  const heard = bob.next("message")
  const startedAt = performance.now()
  alice.type("/chat bob")
  await alice.next("connected")
  alice.type("hello")
  await heard
  const millis = performance.now() - startedAt
  alice.type("/close")
  await Promise.all([alice.next("closed"), bob.next("closed")])
  return millis
}
