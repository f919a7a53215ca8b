/**
 * The seed: two people find each other through a server and talk without it, in plaintext.
 *
 * Lines on TCP are shown as a relay between each peer and the server reads them. Datagrams on UDP go from peer to peer,
 * past everybody: each is shown when the peer that received it says so.
 */
import { Program, folder } from "./Program.ts"
import { addresses, expect, leave, note, say, step, until } from "./Stage.ts"
import { type Direction, Wire } from "./Wire.ts"

export const epilogue = "TCP as read on the wire; UDP as the peer that received it reports."

/** The lines of a wire, marked with where they went: `> HELLO` to the server, `< HELLO` to the peer. */
const lines = (show: (line: string) => void) => {
  const unfinished = { ">": "", "<": "" }
  return (direction: Direction, bytes: Buffer): void => {
    const texts = (unfinished[direction] + bytes.toString("latin1")).split("\n")
    unfinished[direction] = texts.pop() ?? ""
    for (const text of texts) show(`${direction} ${text}`)
  }
}

export const play = async (): Promise<void> => {
  const [aliceAt = "", bobAt = ""] = await addresses(2)

  step("A server listens")
  const where = ["--bind", "127.0.0.1", "--port", "0", "--data", folder("server")]
  const server = new Program("server", ["server", "--plaintext", ...where])
  const { port } = await expect(server, "listening")
  note("server", `at 127.0.0.1:${port as number}`)

  const join = async (name: string, address: string) => {
    const passed: Array<string> = []
    const show = lines((line) => {
      passed.push(line)
      say(name, line.startsWith(">") ? "──▶" : "◀──", "server", "TCP", line.slice(2))
    })
    const wire = await Wire.open(address, port as number, show)
    const there = ["--server", `${address}:${wire.port}`, "--bind", address]
    const peer = new Program(name, ["peer", name, "--plaintext", ...there])
    await expect(peer, "registered", { name })
    await expect(server, "registered", { name })
    /** Waits until a line has passed on the wire. */
    const passes = (line: RegExp): Promise<string> =>
      until(`a line like ${line.source}`, () => passed.find((passed) => line.test(passed)))
    return { wire, peer, passes }
  }

  step("Two peers register")
  const { peer: alice, ...aliceWire } = await join("alice", aliceAt)
  const { peer: bob, ...bobWire } = await join("bob", bobAt)

  step("alice asks who is online")
  alice.type("/list")
  await expect(alice, "users", { users: ["bob"] })

  step("alice calls bob: the server finds a UDP port that is free on both sides")
  alice.type("/chat bob")
  const [, agreed] = /(\d+) bob$/.exec(await aliceWire.passes(/^< STARTCHAT \S+ \d+ bob$/))!
  await bobWire.passes(new RegExp(`^< STARTCHAT \\S+ ${agreed} alice$`))

  step("Both send CONNECT to each other until they are heard: a path is open")
  await expect(alice, "connected", { peer: "bob", address: `${bobAt}:${agreed}` })
  say("alice", "◀──", "bob", "UDP", `alice hears bob from ${bobAt}:${agreed}`)
  await expect(bob, "connected", { peer: "alice", address: `${aliceAt}:${agreed}` })
  say("alice", "──▶", "bob", "UDP", `bob hears alice from ${aliceAt}:${agreed}`)

  step("They talk")
  const talk = async (from: Program, to: Program, text: string): Promise<void> => {
    from.type(text)
    await expect(to, "message", { from: from.name, text })
    say("alice", from === alice ? "──▶" : "◀──", "bob", "UDP", `"${text}"`)
  }
  await talk(alice, bob, "Hello Bob, can you hear me?")
  await talk(bob, alice, "Loud and clear. Is anybody else listening?")

  step("The server goes away, and the chat goes on: nobody is in the middle")
  server.child.kill("SIGTERM")
  await until("the server ends", () => server.exitCode)
  await expect(alice, "error", { code: "Server_lost" })
  await expect(bob, "error", { code: "Server_lost" })
  await talk(alice, bob, "Not even the server.")

  step("alice closes the chat, and both leave")
  alice.type("/close")
  await expect(alice, "closed", { peer: "bob", reason: "closed" })
  await expect(bob, "closed", { peer: "alice", reason: "closed_by_peer" })
  say("alice", "──▶", "bob", "UDP", "bob hears that alice ended the chat")
  await leave(alice)
  await leave(bob)
  aliceWire.wire.cut()
  bobWire.wire.cut()
}
