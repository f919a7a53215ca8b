/**
 * Somebody who sits on every wire, TCP and UDP, between real peers and a real server: see `manInTheMiddle.ts`.
 */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as Capture from "../../demo/Capture.ts"
import { addresses, Program, run } from "../cli/Program.ts"
import { reach, SealedServer } from "../cli/Sealed.ts"
import { missing, Terminal } from "../cli/Terminal.ts"
import { Middle } from "./MiddleStage.ts"

/** A server, and the man before it. */
const stage = async (...args: ReadonlyArray<string>) => {
  const stack = new AsyncDisposableStack()
  const server = stack.use(await SealedServer.start({}, ...args))
  const middle = stack.use(await Middle.before(server))
  return { server, middle, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** Both compare their short strings, and find them the same. */
const verify = async (alice: Program, bob: Program): Promise<ReadonlyArray<string>> => {
  alice.type("/verify")
  const { words, digits } = await alice.event("sas")
  await bob.event("sas", { words, digits })
  alice.type("/verify yes")
  await alice.event("trust", { trust: "verified" })
  return words as ReadonlyArray<string>
}

/** Everything of somebody's that nobody else may have. */
const secretsOf = (home: string): ReadonlyArray<Uint8Array | string> => {
  const { seed } = JSON.parse(readFileSync(join(home, "identity"), "utf8")) as { readonly seed: string }
  return [seed, Buffer.from(seed, "base64url")]
}

const serverSecret = ({ data }: SealedServer): Uint8Array => {
  const pem = readFileSync(join(data, "server-key.pem"), "utf8")
  // The key itself is the end of PKCS #8 (RFC 8410).
  return Buffer.from(pem.replaceAll(/-----.*-----|\s/g, ""), "base64").subarray(-32)
}

describe("what is searched for in a capture", () => {
  it.each([
    ["as it is", Buffer.from("a secret word")],
    ["in hexadecimal", Buffer.from(Buffer.from("a secret word").toString("hex"))],
    ["in base64", Buffer.from(Buffer.from("x a secret word").toString("base64"))],
    ["in base64", Buffer.from(Buffer.from("xy a secret word").toString("base64"))],
    ["in UTF-16", Buffer.from("a secret word", "utf16le")],
  ])("is found %s", (way, form) => {
    const text = "a secret word".slice(way === "in base64" ? 2 : 0)
    expect(Capture.find(Buffer.concat([Buffer.alloc(100), form, Buffer.alloc(7)]), text)).toBe(way)
    expect(Capture.find(form, "another word")).toBe(undefined)
  })
})

describe.concurrent("a man in the middle", () => {
  it("who hands every byte on learns nothing of what two say, nor who they are; of those in plaintext, all", async () => {
    await using room = await stage("--plaintext")
    const { server, middle } = room
    await using alice = await middle.join("alice")
    await using bob = await middle.join("bob")
    await middle.connect(alice, bob, "pass")
    const ofAlice = ["meet me at the old bridge", "ключ под ковриком 🗝", "x".repeat(2000)]
    const ofBob = ["whom shall I bring?", "{}"]
    alice.type(...ofAlice)
    bob.type(...ofBob)
    await bob.event("message", { from: "alice", text: ofAlice.at(-1) })
    await alice.event("message", { from: "bob", text: ofBob.at(-1) })
    expect([...bob.texts].toSorted()).toEqual([...ofAlice].toSorted())
    const words = await verify(alice, bob)
    alice.type("/close")
    await bob.event("closed", { reason: "closed_by_peer" })

    const ids = await Promise.all(
      (["alice", "bob"] as const).map(async (name) => {
        const { stdout } = await run(["id", "--home", middle.homes.of(name), "--json"])
        const { id, fingerprint } = JSON.parse(stdout) as { readonly id: string; readonly fingerprint: string }
        return [id, Buffer.from(id, "base64url"), createHash("sha256").update(id, "base64url").digest(), fingerprint]
      }),
    )
    const captured = await middle.captured()
    // What was handed on: two handshakes of TLS at least, and the records of the chat.
    expect(captured.length).toBeGreaterThan(10_000)
    const secrets = [
      ...ofAlice.map((text) => text.slice(0, 1000)),
      ...ofBob.filter((text) => text.length > 4),
      words.join(" "),
      "alice",
      "REGISTER",
      "STARTCHAT",
      ...ids.flat(),
      ...secretsOf(middle.homes.of("alice")),
      ...secretsOf(middle.homes.of("bob")),
      serverSecret(server),
    ]
    expect(secrets.filter((secret) => Capture.find(captured, secret) !== undefined)).toEqual([])

    for (const peer of [alice, bob]) peer.end("/quit")
    await Promise.all([alice.exit, bob.exit])
    // No more by UDP, where all of it passes him.
    const known = (await middle.captured()).length
    const [again, other] = await middle.direct("pass")
    again.type(...ofAlice)
    await other.event("message", { text: ofAlice.at(-1) })
    again.end("/close")
    await Promise.all([again.exit, other.exit])
    const sealed = (await middle.captured()).subarray(known)
    expect(sealed.length).toBeGreaterThan(5000)
    expect(secrets.filter((secret) => Capture.find(sealed, secret) !== undefined)).toEqual([])

    // The same man, and the same server.
    const plain = async (name: "carol" | "dave", address: string) => {
      const args = ["--plaintext", "--server", middle.address, "--bind", address, "--json"]
      const peer = new Program(["peer", name, ...args])
      await peer.event("registered")
      return peer
    }
    await using carol = await plain("carol", addresses.alice)
    await using dave = await plain("dave", addresses.bob)
    carol.type("/chat dave")
    await Promise.all([middle.udp("pass"), carol.event("connected")])
    carol.type("meet me at the new bridge")
    await dave.event("message", { text: "meet me at the new bridge" })
    const read = await middle.captured()
    for (const text of ["meet me at the new bridge", "carol", "REGISTER"]) {
      expect(Capture.find(read, text)).toBe("as it is")
    }
  })

  it("who flips, cuts, repeats, mirrors, forges, holds back and redirects datagrams changes nothing", async () => {
    await using room = await stage()
    const { middle } = room
    const peers = await middle.direct("attack")
    await using alice = peers[0]
    await using bob = peers[1]
    // So many that each bit of a record has been flipped once in each direction.
    const count = 34
    const texts = (from: string) => Array.from({ length: count }, (_, i) => `${from} says ${i}`)
    for (let i = 0; i < count; i++) {
      alice.type(`alice says ${i}`)
      bob.type(`bob says ${i}`)
      await bob.event("message", {}, 15_000)
    }
    const all = (peer: Program, from: string) =>
      peer.until(`all texts of ${from}`, () => (peer.texts.length >= count ? peer.texts : undefined))
    // In order, though some are held back; none twice, none changed, none of his.
    expect(await all(bob, "alice")).toEqual(texts("alice"))
    expect(await all(alice, "bob")).toEqual(texts("bob"))
    // The chat goes on, and the two see the same.
    await verify(alice, bob)
    alice.type("still here")
    await bob.event("message", { text: "still here" })
    alice.type("/close")
    await Promise.all([alice.event("closed", { reason: "closed" }), bob.event("closed", { reason: "closed_by_peer" })])
    for (const peer of [alice, bob]) {
      expect(peer.texts.length).toBe(peer === bob ? count + 1 : count)
      expect(peer.events.filter(({ event }) => event === "error")).toEqual([])
      expect(peer.stderr).toBe("")
    }
    // Nor could he have somebody else flooded.
    const { spoofed } = await middle.report()
    expect(spoofed.sent).toBeGreaterThan(0)
    expect(spoofed.received).toBeLessThanOrEqual(spoofed.sent)
  })

  it("who ends TLS himself is refused by the pin, and by what is remembered: exit code 4, and nothing was said", async () => {
    await using room = await stage()
    const { server, middle } = room
    // A first time, while he only hands on: the key is remembered.
    {
      await using alice = await middle.join("alice")
      alice.end()
      expect(await alice.exit).toBe(0)
    }
    await middle.tcp("terminate")
    const pinned = await run(reach(middle.url, middle.homes, "bob", "--json"))
    expect(pinned.code).toBe(4)
    const [mismatch] = pinned.stdout.split("\n").map((line) => line && JSON.parse(line))
    expect(mismatch).toMatchObject({ event: "error", code: "Server_pin_mismatch" })
    for (const key of [server.pin, middle.key]) expect(mismatch.message).toContain(key)

    const remembered = await run(reach(middle.address, middle.homes, "alice"))
    expect(remembered.code).toBe(4)
    expect(remembered.stdout).toBe("")
    expect(remembered.stderr).toContain(
      `The key of ${middle.address} has changed: it was ${server.pin}, and now it is ${middle.key}.`,
    )
    // Nobody is there to say yes to somebody new.
    const unknown = await run(reach(middle.address, middle.homes, "bob", "--json"))
    expect(unknown.code).toBe(4)
    expect(JSON.parse(unknown.stdout)).toMatchObject({ event: "error", code: "Server_unknown" })
    expect(await middle.report()).toMatchObject({ heard: "", answered: "" })
    expect(server.events.filter(({ event }) => event === "registered")).toHaveLength(1)
  })

  it.skipIf(missing !== undefined)(
    "whom a person takes for the server can relay, but not log in as them: the proof is for another TLS session",
    async () => {
      await using room = await stage()
      const { server, middle } = room
      await middle.tcp("terminate")
      await using alice = new Terminal(reach(middle.address, middle.homes, "alice"), { columns: 100 })
      await alice.shows(middle.key)
      await alice.shows("Is that what the server printed when it started? (yes/no)")
      alice.enter("yes")
      await alice.shows("! The proof of the own key did not fit this connection.")
      expect(await alice.exit()).toEqual({ code: 4, restored: true })
      const { heard, answered } = await middle.report()
      expect(heard).toMatch(/^HELLO nomitm\/1\nREGISTER alice [\w-]+ [\w-]+\n/)
      expect(answered).toMatch(/^HELLO nomitm\/1\nERROR Signature_invalid/)
      expect(server.events.filter(({ event }) => event === "registered")).toEqual([])
    },
  )

  it("who strips TLS, or answers in plaintext, or with an older TLS, hears no word", async () => {
    // The server would serve plaintext, too.
    await using room = await stage("--plaintext")
    const { server, middle } = room
    for (const mode of ["plaintext", "reset", "terminate-1.2"] as const) {
      await middle.tcp(mode)
      for (const address of [middle.url, middle.address]) {
        const { code, stdout } = await run(reach(address, middle.homes, "alice", "--json"))
        expect(code).toBe(3)
        const { event, message } = JSON.parse(stdout) as { readonly event: string; readonly message: string }
        expect(event).toBe("error")
        expect(message).toContain(mode === "plaintext" ? "speaks plaintext, not TLS" : middle.address)
      }
    }
    const { heard, answered, openings } = await middle.report()
    expect(answered).toBe("")
    expect(heard).not.toMatch(/HELLO|REGISTER|alice/)
    // Each began with a ClientHello, and that was all: record type 22, handshake type 1.
    expect(openings.map((opening) => [opening.slice(0, 4), opening.slice(10)])).toEqual(
      openings.map(() => ["1603", "01"]),
    )
    expect(openings).toHaveLength(4)
    expect(server.events.filter(({ event }) => event === "registered")).toEqual([])
  })
})
