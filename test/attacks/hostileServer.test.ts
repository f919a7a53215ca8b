/**
 * A server that keeps to the protocol but for what it leaves out, swaps or makes up: the two people who call each other
 * through it end up with the chat, or without it, both in bounded time; never one of them with somebody else.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Calls from "../../src/domain/call/Calls.ts"
import * as LinkChannel from "../../src/domain/call/LinkChannel.ts"
import { alice, bob, byName, mallory } from "../domain/call/handshakes.ts"
import * as CallWorld from "../domain/call/CallWorld.ts"
import { primitives } from "../domain/crypto/primitives.ts"

/** Longer than any phase of a call, and all of them together. */
const everything = 600_000

/** What is said in a call, in order, when all goes well: LOOKUP, M1, M2, M3, M4, ACCEPT. */
const lines = ["LookUp", "Chat", "Pass M2", "Pass M3", "Pass M4", "Accept"] as const

/** Says yes to whatever rings. */
const answerAll = (world: ReturnType<typeof CallWorld.make>): void => {
  for (const party of world.parties) {
    for (const { callId } of CallWorld.told(party, "Ring")) world.tell(party, { _tag: "Accept", callId })
  }
}

describe("selective drop: the server leaves one thing out", () => {
  for (const [index, what] of lines.entries()) {
    // Without ACCEPT the server knows of no chat, but both have said yes: they look for each other, and give up by themselves.
    const isAgreed = what === "Accept"
    it(`${what}; nobody waits for ever, ${isAgreed ? "both have agreed" : "the caller has no chat"}, and the next call comes up`, () => {
      const world = CallWorld.make(alice, bob)
      const [a, b] = world.parties
      let seen = 0
      const dropping = (sent: CallWorld.Sent): void => {
        if (seen++ !== index) world.serve(sent)
      }
      world.dial(a, byName(bob))
      world.run(dropping)
      answerAll(world)
      world.run(dropping)
      world.wait(everything)
      world.run(dropping)
      assert.strictEqual(CallWorld.told(a, "CallFailed").length, isAgreed ? 0 : 1, CallWorld.story(a).join())
      assert.strictEqual(CallWorld.told(a, "Established").length, isAgreed ? 1 : 0)
      for (const party of world.parties) {
        // Who has said yes looks for the other where the server says, and finds nobody who has heard it.
        const mayLook = party === b && what === "Pass M4"
        assert.strictEqual(CallWorld.told(party, "Start").length, mayLook ? 1 : 0)
        assert.strictEqual(Calls.dueAt(party.state), Infinity)
        party.told.length = 0
      }
      world.dial(a, byName(bob))
      world.run()
      answerAll(world)
      world.run()
      for (const party of [a, b])
        assert.strictEqual(CallWorld.told(party, "Start").length, 1, CallWorld.story(party).join())
    })
  }

  it("STARTCHAT to one side; the other has agreed too, and finds out by itself whether anything comes", () => {
    const world = CallWorld.make(alice, bob)
    const [a, b] = world.parties
    const callId = world.dial(a, byName(bob))
    world.until("Chat")
    // From here on the server is ours.
    const sent = world.lines.at(-1)!
    world.serve(sent)
    world.run((next) => {
      if (next.line._tag !== "Accept") world.serve(next)
    })
    answerAll(world)
    world.run((next) => {
      if (next.line._tag !== "Accept") return world.serve(next)
      const endpoint = { address: "192.0.2.1", port: 55_000 }
      world.tell(a, { _tag: "AskedPort", callId, port: 55_000 })
      world.tell(a, { _tag: "StartChat", callId, endpoint })
    })
    assert.strictEqual(CallWorld.told(a, "Start").length, 1)
    world.wait(everything)
    assert.deepStrictEqual(CallWorld.story(b), ["Ring", "Established"])
    world.tell(b, { _tag: "Cancel", callId })
    world.run()
    assert.strictEqual(CallWorld.story(b).at(-1), "Gone Cancelled")
    assert.strictEqual(CallWorld.story(a).at(-1), "Gone Failed")
  })
})

describe("swapped candidates and addresses", () => {
  /** alice and bob agree in one call, mallory and bob in another; what waits for ACCEPT is in the server's hands. */
  const agreed = () => {
    const world = CallWorld.make(alice, bob, mallory)
    const [a, b, m] = world.parties as [CallWorld.Party, CallWorld.Party, CallWorld.Party]
    world.dial(a, byName(bob))
    world.dial(m, byName(bob))
    const hold = (sent: CallWorld.Sent): void => {
      if (sent.line._tag !== "Accept") world.serve(sent)
    }
    world.run(hold)
    answerAll(world)
    world.run(hold)
    const keysOf = (party: CallWorld.Party, of: CallWorld.Party) =>
      CallWorld.told(party, "Established").find(({ keys }) => keys.peer.id === of.self.identity.id)!.keys
    return { world, a, b, m, keysOf }
  }

  it("sealed candidates of one call in another, changed, or sent twice; they open nothing, and the call goes on", () => {
    const { world, a, b, m, keysOf } = agreed()
    const [ours, theirs] = [keysOf(a, b), keysOf(m, b)]
    const candidates = { type: LinkChannel.candidates, body: new Uint8Array(40).fill(7) }
    // alice has said M3 in this direction already: what comes next has counter 1.
    const channel = LinkChannel.seal(primitives, LinkChannel.make(ours), LinkChannel.confirm)!.channel
    const { data } = LinkChannel.seal(primitives, channel, candidates)!
    const before = b.state
    world.tell(b, { _tag: "Passed", callId: theirs.callId, data })
    const changed = data.slice()
    changed[5]! ^= 1
    world.tell(b, { _tag: "Passed", callId: ours.callId, data: changed })
    assert.deepStrictEqual(b.state, before)
    for (let i = 0; i < 2; i++) world.tell(b, { _tag: "Passed", callId: ours.callId, data })
    const endpoint = { address: "192.0.2.1", port: 55_000 }
    for (const party of [a, b]) world.tell(party, { _tag: "StartChat", callId: ours.callId, endpoint })
    for (const party of [a, b]) assert.strictEqual(CallWorld.told(party, "Start").length, 1)
  })

  it("the address of one call in another; the keys stay those of the call, so whoever is there understands nothing", () => {
    const { world, a, b, m, keysOf } = agreed()
    // The server sends alice where mallory is, and says it is bob.
    const endpoint = { address: "198.51.100.66", port: 55_000 }
    world.tell(a, { _tag: "StartChat", callId: keysOf(a, b).callId, endpoint })
    assert.strictEqual(CallWorld.told(a, "Start").length, 1)
    const ours = keysOf(a, b)
    assert.strictEqual(ours.peer.id, bob.identity.id)
    const known = CallWorld.told(m, "Established").flatMap(({ keys }) => [keys.record.send, keys.record.receive])
    for (const key of known) {
      assert.notDeepEqual(key, ours.record.send)
      assert.notDeepEqual(key, ours.record.receive)
    }
  })

  it("a STARTCHAT for nobody's call, for many, or for nobody; there is no chat of it", () => {
    const { world, a, b, keysOf } = agreed()
    const { callId } = keysOf(a, b)
    world.tell(a, {
      _tag: "StartChat",
      callId: CallWorld.someCallId("no call"),
      endpoint: { address: "192.0.2.1", port: 1 },
    })
    for (const address of ["224.0.0.1", "255.255.255.255", "0.0.0.0", "::", "ff02::1"]) {
      world.tell(a, { _tag: "StartChat", callId, endpoint: { address, port: 55_000 } })
    }
    assert.deepStrictEqual(CallWorld.told(a, "Start"), [])
  })
})
