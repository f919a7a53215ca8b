/**
 * `nomitm peer` with keys, as scripts run it.
 */
import { describe, expect, it } from "vitest"
import { folder, type Person, Program, run, type Event } from "./Program.ts"
import { call, Homes, online, onSleepingMachine, reach, SealedServer, sleepAndTalk } from "./Sealed.ts"

const fingerprint = /^(?:[a-z2-7]{4}-){7}[a-z2-7]{4}$/

/** A server, and people who have their keys for as long as the test takes. */
const town = async (...args: ReadonlyArray<string>) => {
  const homes = new Homes()
  const server = await SealedServer.start({}, ...args)
  return {
    server,
    homes,
    join: (name: Person, ...args: ReadonlyArray<string>) => online(server.url, homes, name, ...args),
    reach: (name: Person, ...args: ReadonlyArray<string>) => reach(server.url, homes, name, ...args),
    /** What another command says about somebody's profile. */
    ask: async (name: Person, ...args: ReadonlyArray<string>) => {
      const { stdout } = await run([...args, "--home", homes.of(name), "--json"])
      return JSON.parse(stdout) as { readonly [field: string]: unknown }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

const names = ["alice", "bob"] as const
const codes = (peer: Program) => peer.events.filter(({ event }) => event === "error").map(({ code }) => code)
const quit = async (peer: Program) => {
  peer.type("/quit")
  return await peer.exit
}

describe.concurrent("scripts with keys", () => {
  it("register, list, call, say yes, talk, verify, and know each other the next time", async () => {
    await using there = await town()
    await using alice = await there.join("alice", "--accept", "ask")
    await using bob = await there.join("bob", "--accept", "ask")
    const { fingerprint: aliceKey } = await there.server.event("registered", { name: "alice" })
    const { fingerprint: bobKey } = await there.server.event("registered", { name: "bob" })
    expect([aliceKey, bobKey]).toEqual([expect.stringMatching(fingerprint), expect.stringMatching(fingerprint)])
    alice.type("/list")
    await alice.event("users", {
      users: ["bob"],
      people: [{ name: "bob", fingerprint: bobKey, trust: "unknown" }],
    })
    alice.type("/chat bob", "hello bob", "/safety")
    await alice.event("calling", { peer: "bob", trust: "unknown" })
    await bob.event("incoming", { peer: "alice", trust: "unknown", fingerprint: aliceKey })
    bob.type("/accept")
    await alice.event("connected", { peer: "bob", trust: "introduced", fingerprint: bobKey })
    await bob.event("connected", { peer: "alice", trust: "introduced", fingerprint: aliceKey })
    // Typed before anybody had answered, and for this chat.
    await bob.event("message", { from: "alice", text: "hello bob", trust: "introduced" })
    // What a script is told beside: that it arrived, and by which path.
    const found = (look: (event: Event) => boolean) => alice.until("that event", () => alice.events.find(look))
    await found(({ event, peer, id }) => event === "sent" && peer === "bob" && id === 1)
    await found(({ event, peer, id }) => event === "delivered" && peer === "bob" && id === 1)
    const { address, rtt_ms } = await found(({ event, kind }) => event === "path" && kind === "lan")
    expect(address).toMatch(/^127\.0\.0\.3:\d+$/)
    expect(rtt_ms).toBeGreaterThanOrEqual(0)
    const { number } = await alice.event("safety", { peer: "bob" })
    expect(number).toMatch(/^(?:\d{5} ){11}\d{5}$/)
    bob.type("hello alice", "/safety")
    await alice.event("message", { from: "bob", text: "hello alice" })
    await bob.event("safety", { peer: "alice", number })

    bob.type("/verify")
    const { words, digits } = await bob.event("sas", { peer: "alice" })
    expect(words).toHaveLength(3)
    expect(digits).toMatch(/^\d{10}$/)
    await alice.event("sas", { peer: "bob", words, digits })
    alice.type("/verify yes", "/verify yes")
    await alice.event("trust", { peer: "bob", trust: "verified" })
    await alice.event("error", { code: "Nothing_compared" })
    alice.type("sure", "/close")
    // What alice is sure of is no word of bob's.
    await bob.event("message", { text: "sure", trust: "introduced" })
    await alice.event("closed", { peer: "bob", reason: "closed", trust: "verified" })
    await bob.event("closed", { peer: "alice", reason: "closed_by_peer", trust: "introduced" })

    bob.type("/chat alice")
    await bob.event("calling", { peer: "alice", trust: "introduced" })
    await alice.event("incoming", { peer: "bob", trust: "verified", fingerprint: bobKey })
    alice.type("/accept bob")
    await alice.event("connected", { peer: "bob", trust: "verified" })
    alice.end()
    await bob.event("closed", { reason: "closed_by_peer" })
    // The last thing that went wrong.
    expect(await alice.exit).toBe(1)
    expect(await quit(bob)).toBe(0)
    expect([alice, bob, there.server].map(({ stderr }) => stderr)).toEqual(["", "", ""])

    // Both have written down whom they met.
    expect(await there.ask("bob", "contacts")).toMatchObject({
      contacts: [{ label: "alice", trust: "introduced", fingerprint: aliceKey, server: there.server.address }],
    })
  })

  it("decline, give up, and answer what is not there", async () => {
    await using there = await town()
    await using alice = await there.join("alice", "--accept", "ask")
    await using bob = await there.join("bob", "--accept", "ask")
    bob.type("/accept", "/decline", "/cancel", "/safety", "/verify", "/accept carol")
    for (const code of ["No_call", "No_call", "No_call", "No_chat", "No_chat", "No_call"]) {
      await bob.event("error", { code })
    }
    alice.type("/chat bob")
    await bob.event("incoming", { peer: "alice" })
    bob.type("/decline carol")
    await bob.event("error", { code: "No_call" })
    bob.type("/decline alice")
    await alice.event("error", { code: "Declined" })
    alice.type("/chat bob")
    await bob.event("incoming", { peer: "alice" })
    alice.type("/cancel")
    await alice.event("error", { code: "Cancelled" })
    await bob.event("error", { code: "Cancelled", message: "alice gave up calling." })
    bob.type("/accept")
    await bob.event("error", { code: "No_call" })
    alice.type("/chat nobody", "/chat alice", "/chat two words", "/verify maybe")
    for (const code of ["User_not_online", "Self_call", "Mistyped", "Mistyped"]) await alice.event("error", { code })
    expect([...alice.events, ...bob.events].filter(({ event }) => event === "connected")).toEqual([])
    expect([await quit(alice), await quit(bob)]).toEqual([1, 1])
  })

  it("end a chat in which what they compare is not the same: exit code 4", async () => {
    await using there = await town()
    await using alice = await there.join("alice")
    await using bob = await there.join("bob", "--accept", "anyone")
    await call(alice, bob, names)
    alice.type("/verify")
    await alice.event("sas")
    alice.type("/verify no")
    await alice.event("trust", { peer: "bob", trust: "unknown" })
    await alice.event("error", { code: "Verification_failed" })
    await alice.event("closed", { peer: "bob", reason: "closed" })
    await bob.event("closed", { reason: "closed_by_peer" })
    expect(await quit(alice)).toBe(4)
  })

  it("go on with a chat after an hour of sleep, of one side and of both, and nobody is asked", async () => {
    await using there = await town()
    const goOnline = async (name: Person) => {
      const peer = new Program(there.reach(name, "--json", "--accept", "ask"), onSleepingMachine)
      await peer.event("registered", { name })
      return peer
    }
    await using alice = await goOnline("alice")
    await using bob = await goOnline("bob")
    alice.type("/chat bob")
    await bob.event("incoming", { peer: "alice" })
    bob.type("/accept")
    await alice.event("connected", { peer: "bob" })
    await bob.event("connected", { peer: "alice" })
    await sleepAndTalk(alice, bob)
    expect(bob.events.filter(({ event }) => event === "incoming")).toHaveLength(1)
    expect([await quit(alice), await quit(bob)]).toEqual([0, 0])
  })

  it("take calls of contacts and of no stranger, if nothing else is said", async () => {
    await using there = await town()
    await using alice = await there.join("alice")
    await using bob = await there.join("bob")
    alice.type("/chat bob")
    await alice.event("error", { code: "Declined" })
    const { id } = await there.ask("alice", "id")
    // By the bob who runs.
    await there.ask("bob", "contacts", "add", "ally", String(id))
    alice.type("/chat bob")
    await bob.event("connected", { peer: "ally", trust: "introduced" })
    await alice.event("connected", { peer: "bob", trust: "introduced" })
    // Contacts are called as one calls them.
    alice.type("hello")
    await bob.event("message", { from: "ally", text: "hello" })
    expect(bob.events.filter(({ event }) => event === "incoming")).toEqual([])
  })

  it("invite with a link that works once, for whoever takes only the invited, too", async () => {
    await using there = await town()
    await using bob = await there.join("bob", "--accept", "invited")
    await using carol = await there.join("carol")
    carol.type("/chat bob")
    await carol.event("error", { code: "Declined" })
    const { link } = await there.ask("bob", "invite", "--server", there.server.url)
    const join = ["--join", String(link), "--home", there.homes.of("alice"), "--bind", "127.0.0.2", "--json"]
    await using alice = new Program(["peer", "alice", ...join])
    alice.type("I have your letter")
    await bob.event("connected", { peer: "alice", trust: "invited" })
    await alice.event("connected", { peer: "bob", trust: "invited" })
    await bob.event("message", { from: "alice", text: "I have your letter", trust: "invited" })
    alice.type("/close")
    await bob.event("closed", { peer: "alice" })

    carol.type(`/join ${String(link)}`, "/join nomitm://127.0.0.1/#1.short", "/join")
    await carol.event("calling")
    const { code } = await carol.event("error")
    expect(["Declined", "Invitation_invalid", "No_answer"]).toContain(code)
    await carol.event("error", { code: "Invitation_invalid" })
    await carol.event("error", { code: "Mistyped" })
    const { link: another } = await there.ask("bob", "invite", "--server", there.server.url)
    expect(another).not.toBe(link)
    carol.type(`/join ${String(another)}`)
    await bob.event("connected", { peer: "carol", trust: "invited" })
    await carol.event("connected", { trust: "invited" })
    // From now on alice needs none.
    carol.type("/close")
    await bob.event("closed", { peer: "carol" })
    alice.type("/chat bob")
    await bob.event("connected", { peer: "alice", trust: "invited" })
  })

  it("refuse a known name with another key: both fingerprints, and exit code 4", async () => {
    await using there = await town()
    await using bob = await there.join("bob", "--accept", "anyone")
    const { fingerprint: shown } = await there.server.event("registered", { name: "bob" })
    // The bob whom alice knows is somebody else.
    const { id, fingerprint: known } = await there.ask("carol", "id")
    await there.ask("alice", "contacts", "add", "bob", String(id), "--server", there.server.address)
    const alice = await run(there.reach("alice", "--json"), { input: "/chat bob\nthe secret\n" })
    const errors = alice.stdout
      .split("\n")
      .filter((line) => line.includes('"error"'))
      .map((line) => JSON.parse(line) as { readonly code: string; readonly message: string })
    expect(errors.map(({ code }) => code)).toContain("Key_changed")
    const { message } = errors.find(({ code }) => code === "Key_changed")!
    expect(message).toContain(`it was ${String(known)}, and now it is ${String(shown)}`)
    expect(alice.code).toBe(4)
    expect(bob.texts).toEqual([])
  })

  it("stay out of the list with --unlisted, and are called by who knows the name or the id", async () => {
    await using there = await town()
    await using alice = await there.join("alice")
    await using bob = await there.join("bob", "--unlisted", "--accept", "anyone")
    alice.type("/list")
    await alice.event("users", { users: [] })
    await call(alice, bob, names)
    alice.type("/close")
    await bob.event("closed")
    const { id } = await there.ask("bob", "id")
    alice.type(`/chat ${String(id)}`)
    await bob.event("connected", { peer: "alice" })
  })

  it("own their names: another key is refused, at any time, and the same key takes its name over", async () => {
    await using there = await town()
    {
      await using bob = await there.join("bob")
      const second = await run(there.reach("bob", "--json"))
      expect(JSON.parse(second.stdout)).toMatchObject({ event: "error", code: "Profile_busy" })
      expect(second.code).toBe(1)
      expect(await quit(bob)).toBe(0)
    }
    const thief = await run(["peer", "bob", "--server", there.server.url, "--home", folder(), "--json"])
    expect(JSON.parse(thief.stdout)).toMatchObject({ event: "error", code: "Name_owned" })
    expect(thief.code).toBe(1)

    await using first = await there.join("bob", "--accept", "anyone")
    await using alice = await there.join("alice")
    await call(alice, first, names)
    // The same person on another device.
    const { words } = await there.ask("bob", "id", "--words")
    const elsewhere = folder()
    await run(["id", "--restore", "--home", elsewhere], { input: (words as ReadonlyArray<string>).join(" ") })
    await using second = new Program(["peer", "bob", "--server", there.server.url, "--home", elsewhere, "--json"])
    await second.event("registered", { name: "bob" })
    await first.event("error", { code: "Replaced" })
    // A chat needs no server.
    alice.type("are you still there?")
    await first.event("message", { from: "alice", text: "are you still there?" })
    first.type("until you hang up")
    await alice.event("message", { from: "bob", text: "until you hang up" })
    alice.type("/close")
    expect(await first.exit).toBe(1)
  })

  it("seal their keys by NOMITM_PASSPHRASE, and come in with no other", async () => {
    await using there = await town()
    const args = there.reach("alice", "--json")
    const sealed = await run(args, { env: { NOMITM_PASSPHRASE: "correct horse" } })
    expect(sealed).toMatchObject({ code: 0, stderr: "" })
    for (const [passphrase, code] of [
      ["", "Passphrase_needed"],
      ["battery staple", "Wrong_passphrase"],
    ] as const) {
      const refused = await run(args, { env: { NOMITM_PASSPHRASE: passphrase } })
      expect(JSON.parse(refused.stdout)).toMatchObject({ event: "error", code })
      expect(refused.code).toBe(4)
    }
    expect(await run(args, { env: { NOMITM_PASSPHRASE: "correct horse" } })).toMatchObject({ code: 0, stderr: "" })
  })

  it("call each other at once and get one chat", async () => {
    await using there = await town()
    await using alice = await there.join("alice", "--accept", "ask")
    await using bob = await there.join("bob", "--accept", "ask")
    alice.type("/chat bob", "from alice")
    bob.type("/chat alice", "from bob")
    await alice.event("message", { text: "from bob" })
    await bob.event("message", { text: "from alice" })
    for (const peer of [alice, bob]) {
      expect(peer.events.filter(({ event }) => event === "connected")).toHaveLength(1)
      expect(codes(peer)).toEqual([])
    }
  })
})
