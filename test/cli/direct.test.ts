import { describe, expect, it } from "vitest"
import { addresses, folder, freePort, type Person, Program, run } from "./Program.ts"
import { onSleepingMachine, sleepAndTalk } from "./Sealed.ts"

const { alice: here, bob: there } = addresses

describe.concurrent.each(["readme", "original"])("two who know each other's address, dialect %s", (dialect) => {
  it("talk on the same port number at two addresses", async () => {
    const port = await freePort(here)
    const flags = ["--json", "--plaintext", "--dialect", dialect]
    await using alice = new Program(["peer", "alice", "--direct", `${there}:${port}`, "--bind", here, ...flags])
    await alice.event("listening", { host: here, port })
    await alice.event("calling", { peer: `${there}:${port}` })
    alice.type("typed before anybody was there")
    await using bob = new Program(["peer", "bob", "--direct", `${here}:${port}`, "--bind", there, ...flags])
    await alice.event("connected", { peer: "bob", address: `${there}:${port}` })
    await bob.event("connected", { peer: "alice" })
    bob.type("hello")
    await alice.event("message", { from: "bob", text: "hello" })
    await bob.event("message", { from: "alice", text: "typed before anybody was there" })
    alice.type("/close")
    await alice.event("closed", { reason: "closed" })
    expect(await alice.exit).toBe(0)
    if (dialect === "original") return
    await bob.event("closed", { peer: "alice", reason: "closed_by_peer" })
    expect(await bob.exit).toBe(0)
  })

  it("talk on two ports of one address, in words", async () => {
    const [a, b] = [await freePort("127.0.0.1"), await freePort("127.0.0.1")]
    const flags = ["--plaintext", "--dialect", dialect]
    const args = (port: number, other: number) => ["--direct", `127.0.0.1:${other}`, "--port", String(port), ...flags]
    await using bob = new Program(["peer", "bob", ...args(b, a)])
    const alice = await run(["peer", "alice", ...args(a, b)], { input: "hello" })
    expect(alice).toMatchObject({ code: 0, stderr: "" })
    await bob.prints("alice: hello\n")
  })
})

describe.concurrent("directly", () => {
  it("there is no list of users", async () => {
    const port = await freePort(here)
    const args = ["--direct", `${there}:${port}`, "--bind", here, "--plaintext", "--json"]
    await using alice = new Program(["peer", "alice", ...args])
    alice.type("/list")
    await alice.event("error", { code: "No_server" })
    alice.type("/quit")
    await alice.event("closed", { reason: "closed" })
    expect(await alice.exit).toBe(1)
  })

  it("a UDP port in use is said to be, with exit code 1", async () => {
    const port = await freePort(here)
    const args = ["peer", "alice", "--direct", `${there}:${port}`, "--bind", here, "--plaintext"]
    await using alice = new Program([...args, "--json"])
    await alice.event("listening")
    expect(await run(args)).toEqual({
      code: 1,
      stdout: "",
      stderr: `! UDP port ${port} is in use here. Close the other program, or choose another with --port.\n`,
    })
  })
})

describe.concurrent("directly, with keys", () => {
  const start = (name: Person, other: Person, port: number, home = folder(), accept = "anyone"): Program => {
    const flags = ["--accept", accept, "--home", home, "--json"]
    const at = ["--direct", `${addresses[other]}:${port}`, "--bind", addresses[name]]
    return new Program(["peer", name, ...at, ...flags], onSleepingMachine)
  }

  it("a chat goes on after an hour of sleep, of one side and of both, and nobody is asked", async () => {
    const port = await freePort(here)
    await using alice = start("alice", "bob", port, folder(), "ask")
    await using bob = start("bob", "alice", port, folder(), "ask")
    for (const one of [alice, bob]) {
      await one.event("incoming")
      one.type("/accept")
    }
    await alice.event("connected")
    await bob.event("connected")
    await sleepAndTalk(alice, bob)
    expect(await alice.exit).toBe(0)
    expect(await bob.exit).toBe(0)
    for (const { events } of [alice, bob]) expect(events.filter(({ event }) => event === "incoming")).toHaveLength(1)
  })

  it("a program that is started anew ends the chat of the other side, and has one with it when that is, too", async () => {
    const port = await freePort(here)
    const home = folder()
    await using alice = start("alice", "bob", port)
    const before = start("bob", "alice", port, home)
    await alice.event("connected")
    await before.event("connected")
    before.signal("SIGKILL")
    await before.exit
    await using bob = start("bob", "alice", port, home)
    await alice.event("closed", { reason: "forgotten" })
    expect(await alice.exit).toBe(1)
    await using anew = start("alice", "bob", port)
    await anew.event("connected")
    await bob.event("connected")
  })
})
