/**
 * `nomitm peer` with keys, as a person at a terminal sees it.
 */
import { describe, expect, it } from "vitest"
import { folder, run } from "./Program.ts"
import { endsWith, Homes, online, reach, SealedServer } from "./Sealed.ts"
import { keys, missing, type Options, Terminal } from "./Terminal.ts"

/** alice at a terminal, where she knows the server; bob a script. */
const town = async (options: Options = {}) => {
  const stack = new AsyncDisposableStack()
  const homes = new Homes()
  const server = stack.use(await SealedServer.start())
  const bob = stack.use(await online(server.url, homes, "bob", "--accept", "anyone"))
  const { fingerprint } = await server.event("registered", { name: "bob" })
  const alice = stack.use(new Terminal(reach(server.url, homes, "alice"), { columns: 100, ...options }))
  await alice.shows("* You are online as alice.")
  await alice.endsWith(">")
  const bobKey = fingerprint as string
  return { server, homes, bob, bobKey, alice, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

describe.skipIf(missing !== undefined).concurrent("a person with keys at a terminal", () => {
  it("hears a call ring above what is being typed, says yes, talks, and verifies by voice", async () => {
    await using there = await town()
    const { alice, bob, bobKey } = there
    alice.type("/li")
    await endsWith(alice, "> /li")
    bob.type("/chat alice")
    await endsWith(alice, "* bob [unknown] is calling. Type /accept or /decline.", `  Their key is ${bobKey}.`, "> /li")
    alice.enter("st")
    await endsWith(alice, "> /list", "* Online: bob. Type /chat NAME to talk to one.", ">")
    alice.enter("/accept")
    await bob.event("connected", { peer: "alice", trust: "introduced" })
    const { address } = await bob.event("path", { peer: "alice", kind: "lan" })
    expect(address).toMatch(/^127\.0\.0\.2:/)
    await alice.shows("* Connected to bob [introduced]")
    // In a line of its own, or where the chat began if the path was found before that.
    await alice.until("the address of the path", (screen) =>
      /in the same network(?:, | \()127\.0\.0\.3:/i.test(screen.join("")),
    )
    await alice.until("the path in front of the input", (screen) =>
      /^to bob \[introduced\], lan [\d.]+ ms>$/.test(screen.at(-1) ?? ""),
    )
    await endsWith(
      alice,
      "  You have not compared keys yet. Type /verify, and compare what you see by voice.",
      "to bob [introduced]>",
    )
    alice.type("half")
    await endsWith(alice, "to bob [introduced]> half")
    bob.type("hello", "[verified]: hello", "* bob is verified now: you have compared, and it was the same.")
    await endsWith(
      alice,
      "bob [introduced]: hello",
      "bob [introduced]: [verified]: hello",
      "bob [introduced]: * bob is verified now: you have compared, and it was the same.",
      "to bob [introduced]> half",
    )
    alice.enter(" typed")
    await bob.event("message", { text: "half typed" })
    alice.enter("/verify")
    const { words, digits } = await bob.event("sas", { peer: "alice" })
    await endsWith(
      alice,
      `* Compare with bob, by voice:  ${(words as ReadonlyArray<string>).join(" ")}   (${digits as string})`,
      "  Do you both see the same? Type /verify yes, or /verify no.",
      "to bob [introduced]>",
    )
    alice.enter("/verify yes")
    await endsWith(alice, "* bob is verified now: you have compared, and it was the same.", "to bob [verified]>")
    bob.type("/safety")
    const { number } = await bob.event("safety")
    alice.enter("/safety")
    await endsWith(
      alice,
      "* The safety number of you and bob; they see the same with /safety:",
      `  ${number as string}`,
      "to bob [verified]>",
    )
    alice.enter("/close")
    await endsWith(alice, "* You ended the chat with bob.", ">")
    // Until he has heard of it, he is in a chat.
    await bob.event("closed", { reason: "closed_by_peer" })
    bob.type("/chat alice")
    await alice.shows("* bob [verified] is calling. Type /accept or /decline.")
    alice.enter("/decline")
    await bob.event("error", { code: "Declined" })
    bob.type("/chat alice")
    await alice.until(
      "it rings again",
      (screen) => screen.filter((row) => row.startsWith("* bob [verified] is calling.")).length === 2,
    )
    bob.type("/cancel")
    await endsWith(alice, "! bob gave up calling. Type /chat bob to call back.", ">")
    alice.enter("/quit")
    expect(await alice.exit()).toEqual({ code: 0, restored: true })
  })

  it("gives up a call, and says no to what is not the same", async () => {
    await using there = await town()
    const { alice, bob, homes, server } = there
    await using carol = await online(server.url, homes, "carol", "--accept", "ask")
    alice.enter("/chat carol")
    await carol.event("incoming", { peer: "alice" })
    await endsWith(alice, "> /chat carol", "* Calling carol [unknown] …", ">")
    alice.enter("/cancel")
    await endsWith(alice, "! Your call to carol was given up. Type /chat carol to call again.", ">")
    await carol.event("error", { code: "Cancelled" })
    alice.enter("/chat bob")
    await endsWith(alice, "to bob [introduced]>")
    // Each side is open when it hears the other, and this is the other.
    await bob.event("connected", { peer: "alice" })
    bob.type("/verify")
    await alice.shows("* Compare with bob, by voice:")
    alice.enter("/verify no")
    await bob.event("closed", { reason: "closed_by_peer" })
    await alice.shows("* bob is unknown now: nothing says who that is.")
    await alice.shows("! What you and bob see differs: somebody sits in between, or it is somebody else.")
    await endsWith(alice, "* You ended the chat with bob.", ">")
    alice.type(keys.ctrlD)
    expect(await alice.exit()).toEqual({ code: 0, restored: true })
  })

  it("is asked once about a server that is not known: yes is remembered, no leaves with exit code 4", async () => {
    await using server = await SealedServer.start()
    const homes = new Homes()
    const args = reach(server.address, homes, "alice")
    const question = [
      `* Connecting to ${server.address} …`,
      `The key of ${server.address} is not known here. Its fingerprint is`,
      `  ${server.pin}`,
    ]
    const asks = "Is that what the server printed when it started? (yes/no)"
    {
      await using alice = new Terminal(args)
      await alice.endsWith(...question, asks)
      alice.enter("no")
      expect(await alice.exit()).toEqual({ code: 4, restored: true })
      await alice.shows(`Nothing is known about the key of ${server.address}: ${server.pin.slice(0, 10)}`)
    }
    {
      // Nothing is no.
      await using alice = new Terminal(args)
      await alice.endsWith(...question, asks)
      alice.type(keys.ctrlD)
      expect(await alice.exit()).toEqual({ code: 4, restored: true })
    }
    {
      await using alice = new Terminal(args)
      await alice.endsWith(...question, asks)
      alice.type(keys.ctrlC)
      expect(await alice.exit()).toEqual({ code: 130, restored: true })
    }
    expect(server.events.filter(({ event }) => event === "registered")).toEqual([])
    {
      await using alice = new Terminal(args)
      await alice.endsWith(...question, asks)
      alice.enter("yes")
      await alice.endsWith("* You are online as alice. /list shows who else is, /help what you can type.", ">")
      alice.type(keys.ctrlD)
      expect(await alice.exit()).toEqual({ code: 0, restored: true })
    }
    // Nobody is asked again, and a script needs nobody.
    expect(await run([...args, "--json"])).toMatchObject({ code: 0 })
  })

  it("is asked for the passphrase of their keys, and of a known server about nothing", async () => {
    await using server = await SealedServer.start()
    const homes = new Homes()
    await run(reach(server.url, homes, "alice"), { env: { NOMITM_PASSPHRASE: "correct horse" } })
    await using alice = new Terminal(reach(server.address, homes, "alice"))
    await alice.endsWith("Passphrase:")
    alice.enter("correct horse")
    await alice.endsWith("* You are online as alice. /list shows who else is, /help what you can type.", ">")
    expect(alice.output).not.toContain("horse")
    alice.type(keys.ctrlC)
    expect(await alice.exit()).toEqual({ code: 130, restored: true })
  })

  it("is told loudly that a name has another key", async () => {
    await using there = await town()
    const { alice, homes, server, bobKey } = there
    const carol = JSON.parse((await run(["id", "--home", homes.of("carol"), "--json"])).stdout) as {
      readonly id: string
      readonly fingerprint: string
    }
    const contact = ["contacts", "add", "bob", carol.id, "--server", server.address, "--home", homes.of("alice")]
    expect(await run(contact)).toMatchObject({ code: 0 })
    alice.enter("/chat bob")
    await alice.until("both keys", (screen) => {
      const all = screen.join(" ").replaceAll(/\s+/g, " ")
      return all.includes(`! THE KEY OF bob HAS CHANGED: it was ${carol.fingerprint}, and now it is ${bobKey}.`)
    })
    await alice.endsWith(">")
  })

  it("is told that the same key is online elsewhere, and leaves", async () => {
    await using there = await town()
    const { alice, homes, server } = there
    const { stdout: words } = await run(["id", "--words", "--home", homes.of("alice")])
    const elsewhere = folder()
    await run(["id", "--restore", "--home", elsewhere], { input: words })
    await run(["peer", "alice", "--server", server.url, "--home", elsewhere, "--json"])
    await alice.shows("! Another program registered the same name with the same key.")
    expect(await alice.exit()).toEqual({ code: 1, restored: true })
  })
})
