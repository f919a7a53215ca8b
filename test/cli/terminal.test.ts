import { describe, expect, it } from "vitest"
import { addresses, folder, freePort, Program, Server } from "./Program.ts"
import { keys, missing, type Options, Terminal } from "./Terminal.ts"

if (missing !== undefined) {
  if (process.env["CI"] !== undefined) throw new Error(missing)
  console.warn(missing)
}

/** alice at a terminal, bob a script, in a chat. */
const chat = async (options: Options = {}) => {
  const stack = new AsyncDisposableStack()
  const server = stack.use(await Server.start())
  const bob = stack.use(await server.peer("bob"))
  const alice = stack.use(new Terminal(server.reach("alice"), options))
  await alice.shows("* You are online as alice.")
  alice.enter("/chat bob")
  await bob.event("connected", { peer: "alice" })
  await alice.endsWith("to bob>")
  return { server, bob, alice, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

describe.skipIf(missing !== undefined).concurrent("a person at a terminal", () => {
  it("goes online, looks around, calls, talks, closes and leaves", async () => {
    await using server = await Server.start()
    await using bob = await server.peer("bob")
    await using alice = new Terminal(server.reach("alice"))
    await alice.endsWith(
      `* Connecting to ${server.address} …`,
      "* You are online as alice. /list shows who else is, /help what you can type.",
      ">",
    )
    alice.enter("/list")
    await alice.endsWith("> /list", "* Online: bob. Type /chat NAME to talk to one.", ">")
    alice.enter("hello?")
    await alice.endsWith("! You are in no chat, so this was not sent. Type /chat NAME to call somebody.", ">")
    alice.enter("/caht bob")
    await alice.endsWith(
      "> /caht bob",
      "! There is no command /caht. Did you mean /chat NAME? To send it as text, type a",
      "  second slash in front.",
      ">",
    )
    alice.enter("/chat bob")
    const { address } = await bob.event("connected", { peer: "alice" })
    expect(address).toMatch(/^127\.0\.0\.2:/)
    await alice.shows("* Connected to bob (127.0.0.3:")
    await alice.endsWith("to bob>")
    alice.enter("hello bob")
    await bob.event("message", { from: "alice", text: "hello bob" })
    bob.type("hello alice")
    await alice.endsWith("to bob> hello bob", "bob: hello alice", "to bob>")
    alice.enter("/close")
    await alice.endsWith("to bob> /close", "* You ended the chat with bob.", ">")
    await bob.event("closed", { reason: "closed_by_peer" })
    bob.type("/chat alice")
    await alice.endsWith("to bob>")
    bob.type("/close")
    await alice.endsWith("* bob ended the chat.", ">")
    alice.enter("/chat nobody")
    await alice.endsWith("* Calling nobody …", "! Nobody of this name is online. See who is online with /list.", ">")
    alice.enter("/quit")
    expect(await alice.exit()).toEqual({ code: 0, restored: true })
    await alice.endsWith("> /quit", "[exit code 0]", "[terminal as before]")
  })

  it("types while messages arrive: what is typed stays intact below them", async () => {
    await using room = await chat()
    const { alice, bob } = room
    alice.type("how are")
    await alice.endsWith("to bob> how are")
    bob.type("one", "two")
    await alice.endsWith("bob: one", "bob: two", "to bob> how are")
    // The cursor stays where it was, too.
    alice.type(keys.left.repeat(3))
    await alice.until('the cursor left of "are"', () => alice.cursor.x === "to bob> how ".length)
    bob.type("three")
    await alice.endsWith("bob: three", "to bob> how are")
    alice.type("old ")
    await alice.endsWith("bob: three", "to bob> how old are")
    alice.enter("")
    await bob.event("message", { text: "how old are" })
    await alice.endsWith("to bob> how old are", "to bob>")
    await alice.until("the cursor behind the prompt", () => alice.cursor.x === "to bob> ".length)
  })

  it("types more than a row, and messages arrive above all of it", async () => {
    await using room = await chat({ columns: 40 })
    const { alice, bob } = room
    const long = Array.from({ length: 15 }, (_, i) => `word${i}`).join(" ")
    const rows = `to bob> ${long}`.match(/.{1,40}/g)!
    alice.type(long)
    await alice.endsWith(...rows)
    bob.type("one")
    await alice.endsWith("bob: one", ...rows)
    alice.type(keys.home)
    await alice.until("the cursor at the start", () => alice.cursor.x === "to bob> ".length)
    bob.type("two")
    await alice.endsWith("bob: one", "bob: two", ...rows)
    alice.type(keys.end)
    await alice.until("the cursor at the end", () => alice.cursor.x === rows.at(-1)!.length)
    alice.enter("")
    await bob.event("message", { text: long })
    bob.type("three")
    await alice.endsWith("bob: one", "bob: two", ...rows, "bob: three", "to bob>")
  })

  it("fills a row exactly", async () => {
    await using room = await chat({ columns: 40 })
    const { alice, bob } = room
    const text = "x".repeat(40 - "to bob> ".length)
    alice.type(text)
    await alice.endsWith(`to bob> ${text}`)
    bob.type("one")
    await alice.endsWith("bob: one", `to bob> ${text}`)
    alice.enter("y")
    await bob.event("message", { text: `${text}y` })
    bob.type("two")
    await alice.endsWith("bob: one", `to bob> ${text}`, "y", "bob: two", "to bob>")
  })

  it("types characters that are two columns wide", async () => {
    await using room = await chat({ columns: 40 })
    const { alice, bob } = room
    const text = `x${"你好世界 🎉 ".repeat(5).trim()}`
    alice.type(text)
    const rows = ["to bob> x你好世界 🎉 你好世界 🎉 你好世", "界 🎉 你好世界 🎉 你好世界 🎉"]
    await alice.endsWith(...rows)
    bob.type("文字")
    await alice.endsWith("bob: 文字", ...rows)
    alice.type(keys.backspace + keys.backspace)
    await alice.endsWith("bob: 文字", rows[0]!, "界 🎉 你好世界 🎉 你好世界")
    alice.enter("")
    await bob.event("message", { text: text.slice(0, -3) })
    await alice.endsWith("to bob>")
  })

  it.each([{ reflows: true }, { reflows: false }])(
    "makes the window narrower and wider while typing (the terminal breaks lines anew: $reflows)",
    async ({ reflows }) => {
      await using room = await chat({ columns: 80, reflows })
      const { alice, bob } = room
      bob.type("a line that must stay")
      await alice.endsWith("bob: a line that must stay", "to bob>")
      const text = Array.from({ length: 10 }, (_, i) => `word${i}`).join(" ")
      const at = (columns: number): ReadonlyArray<string> =>
        `to bob> ${text}`.match(new RegExp(`.{1,${columns}}`, "g"))!
      alice.type(text)
      await alice.endsWith("bob: a line that must stay", ...at(80))
      for (const columns of [40, 30, 50, 100]) {
        await alice.resize(columns)
        await alice.endsWith("bob: a line that must stay", ...at(columns))
      }
      await alice.resize(40)
      await alice.endsWith("bob: a line that must stay", ...at(40))
      bob.type("another")
      await alice.endsWith("bob: a line that must stay", "bob: another", ...at(40))
      alice.enter("")
      await bob.event("message", { text })
      await alice.endsWith("bob: another", ...at(40), "to bob>")
    },
  )

  it("finds what was typed before with the up arrow, and completes commands with Tab", async () => {
    await using room = await chat()
    const { alice, bob } = room
    alice.enter("first")
    alice.enter("second")
    await bob.event("message", { text: "second" })
    alice.type(keys.up + keys.up)
    await alice.endsWith("to bob> first")
    bob.type("hello")
    await alice.endsWith("bob: hello", "to bob> first")
    alice.enter(" again")
    await bob.event("message", { text: "first again" })
    alice.type(`/cl${keys.tab}`)
    await alice.endsWith("to bob> /close")
  })

  it("pastes several lines: each is sent, what follows the last is still being typed", async () => {
    await using room = await chat()
    const { alice, bob } = room
    const lines = Array.from({ length: 50 }, (_, i) => `pasted ${i}`)
    alice.type(`${lines.join("\r")}\rand more`)
    await bob.event("message", { text: "pasted 49" })
    expect(bob.texts).toEqual(lines)
    await alice.endsWith("to bob> pasted 49", "to bob> and more")
  })

  it("leaves with Ctrl-C: exit code 130, the terminal as before, the other side is told at once", async () => {
    await using room = await chat()
    const { alice, bob } = room
    alice.type("half typed")
    await alice.endsWith("to bob> half typed")
    alice.type(keys.ctrlC)
    await bob.event("closed", { reason: "closed_by_peer" })
    expect(await alice.exit()).toEqual({ code: 130, restored: true })
    await alice.endsWith("[exit code 130]", "[terminal as before]")
    expect(bob.texts).toEqual([])
    await room.server.event("left", { name: "alice" })
  })

  it("leaves with Ctrl-D on an empty line: exit code 0", async () => {
    await using room = await chat()
    const { alice, bob } = room
    alice.enter("bye")
    await alice.endsWith("to bob> bye", "to bob>")
    alice.type(keys.ctrlD)
    await bob.event("message", { text: "bye" })
    await bob.event("closed", { reason: "closed_by_peer" })
    expect(await alice.exit()).toEqual({ code: 0, restored: true })
    await alice.endsWith("to bob> bye", "* You ended the chat with bob.", "[exit code 0]", "[terminal as before]")
  })

  it("stops it with Ctrl-Z and comes back", async () => {
    await using room = await chat({ jobs: true, columns: 40 })
    const { alice, bob } = room
    const long = "more than a row of text, half typed"
    alice.type(long)
    await alice.endsWith("to bob> more than a row of text, half ty", "ped")
    alice.type(keys.ctrlZ)
    await alice.shows("[stopped]")
    alice.enter("")
    await alice.endsWith("to bob> more than a row of text, half ty", "ped")
    expect(alice.screen.join("\n")).toContain("[stopped]")
    bob.type("hello")
    await alice.endsWith("bob: hello", "to bob> more than a row of text, half ty", "ped")
    alice.enter("!")
    await bob.event("message", { text: `${long}!` })
    alice.type(keys.ctrlD)
    expect(await alice.exit()).toEqual({ code: 0, restored: true })
  })

  it("is not stopped with Ctrl-Z where nobody could continue it", async () => {
    await using room = await chat()
    const { alice, bob } = room
    alice.type(`half${keys.ctrlZ}`)
    await alice.endsWith("to bob> half")
    await new Promise((resolve) => setTimeout(resolve, 200))
    alice.enter(" typed")
    await bob.event("message", { text: "half typed" })
    await alice.endsWith("to bob> half typed", "to bob>")
  })

  it("closes the window: the other side is told at once, and what was half typed is not sent", async () => {
    await using room = await chat()
    const { alice, bob } = room
    alice.type("half typed")
    await alice.endsWith("to bob> half typed")
    await alice.close()
    await bob.event("closed", { reason: "closed_by_peer" })
    expect(bob.texts).toEqual([])
    await room.server.event("left", { name: "alice" })
  })

  it("sees hostile text as harmless text", async () => {
    await using room = await chat({ columns: 60 })
    const { alice, bob } = room
    alice.type("typing")
    bob.type(
      "\u001b[2J\u001b[H\u001b]0;title\u0007\u001b[31mred",
      "\u202egnidaer\u202c \u2066x\u2069",
      "one\u0085* You are online as mallory.",
      `spoof${" ".repeat(55)}* You ended the chat with bob.`,
      "\u001b[5A\rover\u0008\u0008\u007f\u009b1A",
      "last",
    )
    await alice.endsWith(
      "bob: [2J[H]0;title[31mred",
      "bob: gnidaer x",
      "bob: one",
      "  | * You are online as mallory.",
      "bob: spoof",
      "  * You ended the chat with bob.",
      "bob: [5A",
      "bob: over1A",
      "bob: last",
      "to bob> typing",
    )
    expect(alice.screen[0]).toContain("* Connecting")
  })

  it("reads long lines with the words of the sender indented", async () => {
    await using room = await chat({ columns: 40 })
    const { alice, bob } = room
    bob.type("Would you like to see this? https://example.org/a/rather/long/address/of/a/page It is good.")
    await alice.endsWith(
      "bob: Would you like to see this?",
      "  https://example.org/a/rather/long/addr",
      "ess/of/a/page",
      "  It is good.",
      "to bob>",
    )
  })

  it("keeps the prompt of a chat when the server goes away and comes back", async () => {
    await using room = await chat()
    const { alice, bob, server } = room
    alice.type("typing")
    server.signal("SIGTERM")
    await alice.endsWith(
      "! The server is out of reach. A running chat goes on. It is being tried again.",
      "to bob> typing",
    )
    const [, port = ""] = server.address.split(":")
    await server.exit
    await using _again = await Server.start("--port", port)
    await alice.endsWith(
      "* You are online as alice. /list shows who else is, /help what you can type.",
      "to bob> typing",
    )
    alice.enter(" on")
    await bob.event("message", { text: "typing on" })
  })

  it("talks directly", async () => {
    const port = await freePort(addresses.alice)
    const args = ["--direct", `${addresses.bob}:${port}`, "--bind", addresses.alice, "--plaintext"]
    await using alice = new Terminal(["peer", "alice", ...args])
    await alice.endsWith(
      `* Listening on UDP port ${port} (${addresses.alice}).`,
      `* Calling ${addresses.bob}:${port} …`,
      ">",
    )
    alice.type("hel")
    const others = ["--direct", `${addresses.alice}:${port}`, "--bind", addresses.bob, "--plaintext"]
    await using bob = new Program(["peer", "bob", ...others])
    await alice.endsWith(`* Connected to bob (${addresses.bob}:${port}). Type to talk, /close to end.`, "to bob> hel")
    alice.enter("lo")
    await bob.prints("alice: hello\n")
    alice.enter("/close")
    expect(await alice.exit()).toEqual({ code: 0, restored: true })
    await alice.endsWith("to bob> /close", "* You ended the chat with bob.", "[exit code 0]", "[terminal as before]")
  })

  it("is told when nobody is at the server's address, and gets the terminal back", async () => {
    const address = `127.0.0.1:${await freePort("127.0.0.1")}`
    await using alice = new Terminal(["peer", "alice", "--plaintext", "--server", address])
    expect(await alice.exit()).toEqual({ code: 3, restored: true })
    await alice.endsWith(
      `* Connecting to ${address} …`,
      `! Nothing listens at ${address}. Check the port, and that a server runs`,
      "  there: nomitm server.",
      "[exit code 3]",
      "[terminal as before]",
    )
  })

  it("stops a server with Ctrl-C", async () => {
    await using server = new Terminal(["server", "--bind", "127.0.0.1", "--port", "0", "--data", folder()])
    await server.shows("Ctrl-C stops.")
    server.type(keys.ctrlC)
    expect(await server.exit()).toEqual({ code: 130, restored: true })
  })
})
