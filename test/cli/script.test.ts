import { spawn } from "node:child_process"
import { once } from "node:events"
import { describe, expect, it } from "vitest"
import { addresses, command, connect, environment, Program, run, Server } from "./Program.ts"

/** Everything that moves a cursor, hides text or turns it around, but for the line feed. */
const unprintable = /(?!\n)[\p{Cc}\p{Cf}]/u

/** Clears the screen, moves the cursor, sets the title of the window, turns text around; a C1 control of the same kind. */
const hostile = "\u001b[2J\u001b[1;1Hfake\u001b]0;title\u0007 \u202eevil\u202c \u009b31m\u0000end"

/** First, because it takes twenty seconds while the others run beside it. */
describe.concurrent("a peer", () => {
  it("that vanishes is missed after 20 seconds of silence", async () => {
    await using server = await Server.start()
    await using alice = await server.peer("alice")
    await using bob = await server.peer("bob")
    await connect(alice, bob)
    const start = performance.now()
    bob.signal("SIGKILL")
    await alice.event("closed", { peer: "bob", reason: "timeout" }, 40_000)
    // Its last KEEPALIVE may have been sent five seconds before.
    expect(performance.now() - start).toBeGreaterThan(14_000)
    alice.type("/list")
    await alice.event("users", { users: [] })
    alice.end()
    expect(await alice.exit).toBe(1)
  })
})

describe.concurrent.each(["readme", "original"] as const)("scripts talk to each other, dialect %s", (dialect) => {
  const flags = ["--dialect", dialect]

  it("register, list, call, talk both ways, close, call again", async () => {
    await using server = await Server.start(...flags)
    await using alice = await server.peer("alice", ...flags)
    await using bob = await server.peer("bob", ...flags)
    alice.type("/list")
    await alice.event("users", { users: ["bob"] })
    alice.type("/chat bob")
    await alice.event("calling", { peer: "bob" })
    const { address } = await alice.event("connected", { peer: "bob" })
    expect(address).toMatch(/^127\.0\.0\.3:\d+$/)
    await bob.event("connected", { peer: "alice" })
    alice.type("hello bob", 'it said "no" \\ and ü 你好 🎉')
    bob.type("hello alice")
    await bob.event("message", { from: "alice", text: "hello bob" })
    await bob.event("message", { from: "alice", text: 'it said "no" \\ and ü 你好 🎉' })
    await alice.event("message", { from: "bob", text: "hello alice" })
    alice.type("/close")
    await alice.event("closed", { peer: "bob", reason: "closed" })
    if (dialect === "original") return
    await bob.event("closed", { peer: "alice", reason: "closed_by_peer" })
    bob.type("/chat alice")
    await alice.event("connected", { peer: "bob" })
    bob.type("once more")
    await alice.event("message", { text: "once more" })
    bob.type("/quit")
    expect(await bob.exit).toBe(0)
    await alice.event("closed", { reason: "closed_by_peer" })
    alice.end()
    expect(await alice.exit).toBe(0)
    await server.event("left", { name: "alice" })
    expect([server, alice, bob].map(({ stderr }) => stderr)).toEqual(["", "", ""])
  })

  it("what is piped in is sent before the end: a call, and 500 lines", async () => {
    await using server = await Server.start(...flags)
    await using bob = await server.peer("bob", ...flags)
    const lines = Array.from({ length: 500 }, (_, i) => `line ${i}`)
    const alice = await run(server.reach("alice", ...flags), { input: `/chat bob\n${lines.join("\n")}` })
    expect(alice).toMatchObject({ code: 0, stderr: "" })
    await bob.event("message", { text: "line 499" })
    expect(bob.texts).toEqual(lines)
  })

  it("text of the other side is harmless, as JSON and in words", async () => {
    await using server = await Server.start(...flags)
    await using alice = await server.peer("alice", ...flags)
    await using bob = new Program(server.reach("bob", ...flags))
    await bob.prints("You are online as bob")
    alice.type("/chat bob", hostile, "safe")
    await bob.prints("alice: safe\n")
    bob.type(hostile, "safe")
    await alice.event("message", { text: "safe" })
    expect(bob.stdout).not.toMatch(unprintable)
    expect(alice.stdout).not.toMatch(unprintable)
    const nul = dialect === "readme" ? "" : " "
    expect(bob.stdout).toContain(`alice: [2J[1;1Hfake]0;title evil 31m${nul}end\n`)
    expect(alice.texts).toEqual([dialect === "readme" ? hostile : hostile.replace("\0", " "), "safe"])
  })
})

describe.concurrent("a script's peer", () => {
  it("prints no prompt and no escape codes without a terminal", async () => {
    await using server = await Server.start()
    await using bob = await server.peer("bob")
    const { code, stdout, stderr } = await run(server.reach("alice"), {
      input: "/list\n/help\n/chat bob\nhello\n",
      env: { TERM: "xterm-256color", FORCE_COLOR: "1" },
    })
    await bob.event("message", { text: "hello" })
    expect(stdout.replace(/127.0.0.3:\d+/, "ADDRESS")).toBe(
      [
        "* You are online as alice. /list shows who else is, /help what you can type.",
        "* Online: bob. Type /chat NAME to talk to one.",
        "  /list       who is online",
        "  /chat NAME  call somebody",
        "  /close      end the chat",
        "  /help       this list",
        "  /quit       end the chat and leave",
        "  //TEXT      send the text /TEXT",
        "* Calling bob …",
        "* Connected to bob (ADDRESS). Type to talk, /close to end.",
        "* You ended the chat with bob.",
        "",
      ].join("\n"),
    )
    expect(stderr).toBe("")
    expect(code).toBe(0)
  })

  it("two who call each other at once get one chat", async () => {
    await using server = await Server.start()
    await using alice = await server.peer("alice")
    await using bob = await server.peer("bob")
    alice.type("/chat bob", "from alice")
    bob.type("/chat alice", "from bob")
    await alice.event("message", { text: "from bob" })
    await bob.event("message", { text: "from alice" })
    for (const peer of [alice, bob]) expect(peer.events.filter(({ event }) => event === "connected")).toHaveLength(1)
  })

  it("never sends a mistyped command as text, and a second slash makes a literal one", async () => {
    await using server = await Server.start()
    await using alice = await server.peer("alice")
    await using bob = await server.peer("bob")
    await connect(alice, bob)
    alice.type("/chta bob", "/hello", "/list all", "//home is where", "   ", "", "end")
    await alice.event("error", { code: "Mistyped", message: "There is no command /chta." })
    await alice.event("error", { code: "Mistyped", message: "There is no command /hello." })
    await alice.event("error", { code: "Mistyped", message: "/list was given too much." })
    await bob.event("message", { text: "end" })
    expect(bob.texts).toEqual(["/home is where", "end"])
    alice.type("/quit")
    expect(await alice.exit).toBe(1)
  })

  it("is told why a call does not come about, and ends with exit code 1", async () => {
    await using server = await Server.start()
    await using alice = await server.peer("alice")
    await using bob = await server.peer("bob")
    await using carol = await server.peer("carol")
    alice.type("text for nobody", "/close", "/chat nobody", "/chat alice", "/chat PORT")
    for (const code of ["No_chat", "No_chat", "User_not_online", "Self_call", "Name_invalid"]) {
      await alice.event("error", { code })
    }
    await connect(alice, bob)
    alice.type("/chat carol")
    await alice.event("error", { code: "In_chat" })
    carol.type("/chat bob", "lost")
    await carol.event("error", { code: "Busy" })
    carol.end()
    expect(await carol.exit).toBe(1)
    alice.end("still here")
    await bob.event("message", { text: "still here" })
    expect(await alice.exit).toBe(1)
  })

  it("at the address of the other has no port to itself, and is told of --bind", async () => {
    await using server = await Server.start()
    await using bob = await server.peer("bob")
    const args = ["peer", "alice", "--plaintext", "--server", server.address, "--bind", addresses.bob]
    const { code, stdout, stderr } = await run(args, { input: "/chat bob\nlost\n" })
    expect(stderr).toContain(
      "! No port number was free on both sides in 20 tries. Two peers on one machine need a --bind",
    )
    expect(stdout).not.toContain("Connected")
    expect(code).toBe(1)
    expect(bob.events.map(({ event }) => event)).toEqual(["registered"])
  })

  it("with a name that is taken ends at once", async () => {
    await using server = await Server.start()
    await using alice = await server.peer("alice")
    const second = await run(server.reach("alice", "--json"))
    expect(JSON.parse(second.stdout)).toMatchObject({ event: "error", code: "User_exists" })
    expect(second.code).toBe(1)
    alice.type("/list")
    await alice.event("users", { users: [] })
  })

  it("says that a text is too long and sends the others", async () => {
    await using server = await Server.start()
    await using alice = await server.peer("alice")
    await using bob = await server.peer("bob")
    await connect(alice, bob)
    const long = "ü".repeat(2048)
    alice.type("before", long, `${long}x`, "x".repeat(100_000), "after")
    await alice.event("error", { code: "Too_long" })
    await alice.event("error", { code: "Too_long" })
    await bob.event("message", { text: "after" })
    expect(bob.texts).toEqual(["before", long, "after"])
  })

  it("takes bytes that are no UTF-8", async () => {
    await using server = await Server.start()
    await using bob = await server.peer("bob")
    const input = Buffer.concat([
      Buffer.from("/chat bob\n"),
      Buffer.from([0xff, 0xc3, 0x28, 0x00, 0x0a]),
      Buffer.from("ok"),
    ])
    expect((await run(server.reach("alice"), { input })).code).toBe(0)
    await bob.event("message", { text: "ok" })
    expect(bob.texts).toEqual(["\ufffd\ufffd(\0", "ok"])
  })

  it("sends what was typed though nobody reads what it prints", async () => {
    await using server = await Server.start()
    await using bob = await server.peer("bob")
    await using alice = await server.peer("alice")
    alice.child.stdout.destroy()
    alice.end("/chat bob", "/help", "hello")
    await bob.event("message", { text: "hello" })
    expect(await alice.exit).toBe(0)
    expect(alice.stderr).toBe("")
  })

  it("without any standard input goes online and leaves", async () => {
    await using server = await Server.start()
    expect(await run(server.reach("alice"))).toMatchObject({ code: 0, stderr: "" })
    await server.event("left", { name: "alice" })
    const words = ["-c", `exec "$@" <&-`, "sh", process.execPath, command, ...server.reach("bob")]
    const closed = spawn("sh", words, { env: environment() })
    expect(await once(closed, "close")).toEqual([0, null])
    await server.event("left", { name: "bob" })
  })

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("on %s tells the other side and exits with 130", async (signal) => {
    await using server = await Server.start()
    await using alice = await server.peer("alice")
    await using bob = await server.peer("bob")
    await connect(alice, bob)
    alice.signal(signal)
    await bob.event("closed", { peer: "alice", reason: "closed_by_peer" })
    expect(await alice.exit).toBe(130)
    expect(alice.stderr).toBe("")
  })
})
