/**
 * Two people find each other through a server and talk without it; a third comes with an invitation, and does not want
 * to be reached but through the server; a fourth pretends to be one of them.
 *
 * A wiretap sits on every wire to the server and shows what it sees: how much, never what. At the end it looks for what
 * was said in all that it has seen.
 */
import { copyFileSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import * as Capture from "./Capture.ts"
import { folder, Program } from "./Program.ts"
import { addresses, expect, isSame, leave, note as noteIt, paint, say, step, until } from "./Stage.ts"
import * as TlsRecords from "./TlsRecords.ts"
import { type Direction, Wire } from "./Wire.ts"

export const epilogue = "TLS as the wiretap on every wire has seen it; the rest as the programs report it."

const bold = (text: unknown): string => paint("bold", String(text))

/** The wires of all to the server, with a tap on each that shows and keeps what it sees. */
class Wires {
  readonly seen: Array<Buffer> = []
  private readonly counters = new Map<string, Record<Direction, TlsRecords.Counter>>()
  private readonly tapAt: string

  constructor(tapAt: string) {
    this.tapAt = tapAt
  }

  /** A wire from somebody to the server. Where to reach the server by it, as host and port. */
  async toServer(name: string, port: number): Promise<string> {
    const counters = { ">": new TlsRecords.Counter(), "<": new TlsRecords.Counter() }
    this.counters.set(name, counters)
    const wire = await Wire.open(this.tapAt, port, (direction, chunk) => {
      this.seen.push(chunk)
      counters[direction].add(chunk)
    })
    return `${this.tapAt}:${wire.port}`
  }

  /** Tells what has passed on TCP in the meantime. */
  tell(): void {
    for (const [name, counters] of this.counters) {
      for (const [direction, counter] of Object.entries(counters)) {
        const { records, bytes } = counter.take()
        const what = `${records} record${records === 1 ? "" : "s"}, ${bytes} bytes`
        if (bytes > 0) say(name, direction === ">" ? "──▶" : "◀──", "server", "TLS", paint("dim", what))
      }
    }
  }
}

export const play = async (): Promise<void> => {
  const [aliceAt = "", bobAt = "", tapAt = ""] = await addresses(3)
  const wires = new Wires(tapAt)
  const said: Array<string> = []
  const note = (who: string, what: string): void => {
    wires.tell()
    noteIt(who, what)
  }

  const serve = async (name: string, port: number) => {
    // It comes back to the same TCP port; the UDP ports beside that may be somebody else's.
    const where = ["--bind", "127.0.0.1", "--port", String(port), "--udp-ports", "0,0", "--data", folder(name)]
    const server = new Program("server", ["server", ...where])
    return { server, listening: await expect(server, "listening") }
  }
  const talk = async (from: Program, to: Program, text: string): Promise<void> => {
    said.push(text)
    from.type(text)
    const { trust } = await expect(to, "message", { from: from.name, text })
    note(to.name, `reads  ${from.name} [${trust as string}]: ${bold(text)}`)
  }
  /** Waits until somebody reaches the other directly: where. */
  const direct = (peer: Program): Promise<string> =>
    until(`${peer.name} has a direct path`, () => {
      const path = peer.take("path")
      const isDirect = path !== undefined && path["kind"] !== "relay" && path["kind"] !== "none"
      return isDirect ? String(path["address"]) : undefined
    })
  const hangUp = async (one: Program, other: Program): Promise<void> => {
    one.type("/close")
    await expect(one, "closed", { peer: other.name, reason: "closed" })
    await expect(other, "closed", { peer: one.name, reason: "closed_by_peer" })
  }

  step("A server listens. Its address names its key: the pin behind #")
  const { server, listening } = await serve("server", 0)
  const port = listening["port"] as number
  const [, pin = ""] = /#([\w-]{43})$/.exec(String(listening["url"])) ?? []
  note("server", `is at nomitm://127.0.0.1:${port}#${bold(pin)}`)

  const start = async (name: string, address: string, ...args: ReadonlyArray<string>): Promise<Program> => {
    const own = ["--home", folder(name), "--bind", address, "--accept", "ask"]
    const peer = new Program(name, ["peer", name, ...own, ...args])
    await expect(peer, "registered", { name })
    return peer
  }
  const register = async (name: string, address: string) => {
    const place = await wires.toServer(name, port)
    const url = `nomitm://${place}#${pin}`
    const peer = await start(name, address, "--server", url)
    const { fingerprint } = await expect(server, "registered", { name })
    note(name, `has a key of its own now, whose fingerprint is ${bold(fingerprint)}`)
    return { peer, fingerprint: fingerprint as string }
  }

  step("Two peers register, each with a key made at its first start: the name is that key's from now on")
  const { peer: alice, fingerprint: aliceKey } = await register("alice", aliceAt)
  const { peer: bob, fingerprint: bobKey } = await register("bob", bobAt)

  step("alice calls bob: both prove their keys, sealed for each other, before anybody's address is told")
  alice.type("/chat bob")
  await expect(alice, "calling", { peer: "bob", trust: "unknown" })
  await expect(bob, "incoming", { peer: "alice", trust: "unknown", fingerprint: aliceKey })
  note("bob", `hears  alice [unknown] is calling, with the key ${aliceKey}`)
  bob.type("/accept")
  await expect(alice, "connected", { peer: "bob", trust: "introduced", fingerprint: bobKey })
  await expect(bob, "connected", { peer: "alice", trust: "introduced", fingerprint: aliceKey })
  note("alice", "is connected to bob [introduced]: so far it is the server that says who that is")

  step("The server carries sealed records until, moments later, they reach each other and talk past it, by UDP")
  note("alice", `reaches bob at ${bold(await direct(alice))}`)
  note("bob", `reaches alice at ${bold(await direct(bob))}`)
  await talk(alice, bob, "Hello Bob, can you hear me?")
  await talk(bob, alice, "Loud and clear. Is anybody else listening?")

  step("Is it bob? They compare, by voice, three words that come out different if somebody is in the middle")
  alice.type("/verify")
  const { words, digits } = await expect(alice, "sas", { peer: "bob" })
  await expect(bob, "sas", { peer: "alice", words, digits })
  for (const who of ["alice", "bob"]) {
    note(who, `sees   ${bold((words as ReadonlyArray<string>).join(" "))} (${digits as string})`)
  }
  const confirm = async (one: Program, other: Program): Promise<void> => {
    one.type("/verify yes")
    await expect(one, "trust", { peer: other.name, trust: "verified" })
    note(one.name, `says yes: ${other.name} is [verified] from now on`)
  }
  await confirm(alice, bob)
  await confirm(bob, alice)
  await hangUp(alice, bob)

  step(
    "bob invites carol with a link, good for one call. She tells nobody her address: all goes through the server, sealed",
  )
  const carolPlace = await wires.toServer("carol", port)
  const invite = ["invite", "--home", folder("bob"), "--server", `nomitm://${carolPlace}#${pin}`]
  const { link } = await expect(new Program("bob", invite), "invitation")
  note("bob", `sends  ${String(link).slice(0, 60)}…`)
  const carol = await start("carol", aliceAt, "--join", String(link), "--relay", "always")
  await expect(bob, "incoming", { peer: "carol" })
  bob.type("/accept")
  const { peer: bobAtCarols } = await expect(carol, "connected", {
    trust: "invited",
    fingerprint: bobKey,
    kind: "relay",
  })
  await expect(bob, "connected", { peer: "carol", trust: "invited" })
  note("carol", `is connected to ${String(bobAtCarols)} [invited], and bob to carol [invited]`)
  await talk(carol, bob, "And where am I?")
  carol.type("/close")
  await expect(bob, "closed", { peer: "carol" })
  await leave(carol)

  step("alice calls bob once more. The server goes away, and the chat goes on: nobody is in the middle")
  alice.type("/chat bob")
  await expect(bob, "incoming", { peer: "alice", trust: "verified", fingerprint: aliceKey })
  bob.type("/accept")
  await expect(alice, "connected", { peer: "bob", trust: "verified", fingerprint: bobKey })
  await expect(bob, "connected", { peer: "alice", trust: "verified" })
  await Promise.all([direct(alice), direct(bob)])
  server.child.kill("SIGTERM")
  await until("the server ends", () => server.exitCode)
  await expect(alice, "error", { code: "Server_lost" })
  await talk(alice, bob, "Not even the server.")
  await hangUp(alice, bob)
  await leave(bob)

  step("The server is back with the same key, and in bad hands: it gives the name bob to mallory's key")
  mkdirSync(folder("hostile"), { mode: 0o700 })
  copyFileSync(join(folder("server"), "server-key.pem"), join(folder("hostile"), "server-key.pem"))
  const { server: hostile } = await serve("hostile", port)
  const bobsName = ["--home", folder("mallory"), "--bind", bobAt, "--server", `nomitm://127.0.0.1:${port}#${pin}`]
  const mallory = new Program("mallory", ["peer", "bob", ...bobsName, "--accept", "anyone"])
  await expect(mallory, "registered", { name: "bob" })
  // alice may be back before, or not.
  const { fingerprint: malloryKey } = await until("mallory has the name", () =>
    hostile.events.find(({ event, name }) => event === "registered" && name === "bob"),
  )
  note("mallory", `is online as bob, with the key ${bold(malloryKey)}`)
  await expect(alice, "registered", { name: "alice" })
  alice.type("/chat bob")
  const { message, hint } = await expect(alice, "error", { code: "Key_changed" })
  for (const key of [bobKey, String(malloryKey)]) {
    if (!String(message).includes(key)) throw new Error(`alice should be shown the key ${key}: ${String(message)}`)
  }
  note("alice", `! ${bold(message)} ${String(hint)}`)
  await leave(alice, 4)
  note("alice", "is gone, with the exit code 4: whoever that was, it was not bob")
  isSame("What mallory heard of", mallory.take("connected"), undefined)
  await leave(mallory)

  step("What has the wiretap learned, that saw every byte on every wire to the server?")
  const captured = Buffer.concat(wires.seen)
  for (const text of [...said, "REGISTER", "alice", "carol", aliceKey, bobKey]) {
    const way = Capture.find(captured, text)
    if (way !== undefined) throw new Error(`The wiretap has read "${text}", ${way}.`)
  }
  note("tap", `${captured.length} bytes: none of the texts, of the names or of the keys`)
}
