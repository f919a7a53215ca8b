/**
 * Attacks on verifying by voice: mallory has the keys of a chat with each of the two, and sits in between. Words are
 * passed on to each side as its own chat's.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Labelled from "../../src/domain/crypto/Labelled.ts"
import type { SasFrame } from "../../src/domain/record/Frame.ts"
import { bytesOf, primitives } from "../domain/crypto/primitives.ts"
import type { SealedSide } from "../domain/record/SealedSide.ts"
import { World } from "../domain/record/SealedWorld.ts"
import { ShortStringSide, framesOf, shown } from "../domain/verify/ShortStringSide.ts"

const h = bytesOf("h", 32)
const commitment = (nonce: Uint8Array) => Labelled.sha256(primitives, "nomitm/1 sas commit", h, nonce)
const commit = (run: number, nonce: Uint8Array): SasFrame => ({
  _tag: "SasCommit",
  run,
  commitment: commitment(nonce),
})
const reply = (run: number, nonce: Uint8Array): SasFrame => ({ _tag: "SasReply", run, nonce })
const reveal = (run: number, nonce: Uint8Array): SasFrame => ({ _tag: "SasReveal", run, nonce })
const nonce = (label: string) => bytesOf(label, 32)

const responder = () => new ShortStringSide(false, "bob")
const initiator = () => new ShortStringSide(true, "alice")

describe("out of turn", () => {
  it("a reveal before the commitment, or before the reply, shows nothing", () => {
    const bob = responder()
    assert.deepStrictEqual(shown(bob.hears(reveal(1, nonce("a")), 0)), [])
    assert.deepStrictEqual(shown(bob.hears(reveal(0, nonce("a")), 0)), [])
    const alice = initiator()
    assert.deepStrictEqual(shown(alice.hears(reply(1, nonce("b")), 0)), [])
    assert.deepStrictEqual(shown(alice.hears(reply(0, nonce("b")), 0)), [])
    assert.isEmpty(bob.drawn)
  })

  it("words of the other role change nothing", () => {
    const alice = initiator()
    alice.start(0)
    for (const frame of [commit(1, nonce("a")), commit(2, nonce("a")), reveal(1, nonce("a"))]) {
      assert.deepStrictEqual(alice.hears(frame, 10), [])
    }
    const bob = responder()
    for (const frame of [reply(1, nonce("b")), { _tag: "SasRequest" } as const]) {
      assert.deepStrictEqual(bob.hears(frame, 10), [])
    }
  })

  it("words of another run change nothing", () => {
    const alice = initiator()
    alice.start(0)
    assert.deepStrictEqual(alice.hears(reply(2, nonce("b")), 10), [])
    assert.deepStrictEqual(alice.hears({ _tag: "SasAbort", run: 2 }, 10), [])
    const bob = responder()
    bob.hears(commit(5, nonce("a")), 0)
    assert.deepStrictEqual(bob.hears(reveal(4, nonce("a")), 10), [])
    assert.deepStrictEqual(bob.hears(commit(4, nonce("x")), 10), [])
    assert.deepStrictEqual(shown(bob.hears(reveal(5, nonce("a")), 10)), ["Ready"])
  })
})

describe("choosing after seeing", () => {
  it("the initiator can't: what it reveals must be what it committed to before it saw rB", () => {
    const bob = responder()
    bob.hears(commit(1, nonce("a")), 0)
    // rB is known by now; another rA would give another string.
    const actions = bob.hears(reveal(1, nonce("a better one")), 10)
    assert.deepStrictEqual(shown(actions), ["SasAbort 1", "failed mismatch"])
    // Too late for the right one as well.
    assert.deepStrictEqual(shown(bob.hears(reveal(1, nonce("a")), 20)), [])
  })

  it("the initiator can't commit anew: another commitment in the same run fails it, and a new run has another rB", () => {
    const bob = responder()
    const [first] = framesOf(bob.hears(commit(1, nonce("a")), 0))
    assert.deepStrictEqual(shown(bob.hears(commit(1, nonce("other")), 10)), ["SasAbort 1", "failed restarted"])
    const [second] = framesOf(bob.hears(commit(2, nonce("other")), 20))
    assert.notDeepEqual(first?._tag === "SasReply" && first.nonce, second?._tag === "SasReply" && second.nonce)
  })

  it("the initiator gets one rB for one commitment, however often it asks", () => {
    const bob = responder()
    const [first] = framesOf(bob.hears(commit(1, nonce("a")), 0))
    for (let i = 1; i < 50; i++) assert.deepStrictEqual(framesOf(bob.hears(commit(1, nonce("a")), i)), [first!])
    assert.lengthOf(bob.drawn, 1)
  })

  it("the responder can't: rA is told when rB is fixed, and another rB is not heard any more", () => {
    const alice = initiator()
    const [told] = framesOf(alice.start(0))
    assert.notInclude(JSON.stringify(told), JSON.stringify([...alice.drawn[0]!]))
    assert.deepStrictEqual(shown(alice.hears(reply(1, nonce("b")), 10)), ["SasReveal 1", "Ready"])
    for (let i = 0; i < 50; i++) assert.deepStrictEqual(alice.hears(reply(1, nonce(`grinding ${i}`)), 20), [])
  })

  it("a nonce of an earlier run is of no use: the other side's is new in each", () => {
    const bob = responder()
    const values: Array<unknown> = []
    for (let run = 1; run <= 5; run++) {
      bob.hears(commit(run, nonce("the same")), run * 1000)
      values.push(bob.hears(reveal(run, nonce("the same")), run * 1000 + 10)[0])
    }
    assert.strictEqual(new Set(values.map((value) => JSON.stringify(value))).size, 5)

    const alice = initiator()
    const commitments = [0, 3000, 6000].map((now) => {
      const [frame] = framesOf(alice.start(now))
      alice.hears(reply(alice.state.run, nonce("the same")), now + 10)
      return frame?._tag === "SasCommit" ? Buffer.from(frame.commitment).toString("hex") : ""
    })
    assert.strictEqual(new Set(commitments).size, 3)
  })
})

describe("guessing", () => {
  it("by leaving a run that would not match fails it: three such runs end the chat, at the responder", () => {
    const bob = responder()
    const all: Array<string> = []
    for (let run = 1; run <= 3; run++) all.push(...shown(bob.hears(commit(run, nonce(`guess ${run}`)), run * 100)))
    all.push(...shown(bob.hears(commit(4, nonce("guess 4")), 400)))
    assert.deepStrictEqual(
      all.filter((it) => !it.startsWith("Sas")),
      ["failed restarted", "failed restarted", "failed restarted", "GiveUpChat"],
    )
    assert.lengthOf(bob.drawn, 3)
  })

  it.each([
    ["an abort", (bob: ShortStringSide, run: number, now: number) => bob.hears({ _tag: "SasAbort", run }, now)],
    ["silence", (bob: ShortStringSide, _: number, now: number) => bob.due(now + 10_000)],
    ["a wrong reveal", (bob: ShortStringSide, run: number, now: number) => bob.hears(reveal(run, nonce("?")), now)],
  ])("by %s counts as well", (_, leave) => {
    const bob = responder()
    for (let run = 1; run <= 3; run++) {
      const now = run * 20_000
      bob.hears(commit(run, nonce("a")), now)
      const actions = shown(leave(bob, run, now))
      assert.strictEqual(actions.includes("GiveUpChat"), run === 3)
      assert.isFalse(actions.includes("Ready"))
    }
  })

  it("by leaving counts at the initiator too", () => {
    const alice = initiator()
    for (let run = 1; run <= 3; run++) {
      const now = run * 20_000
      alice.start(now)
      const actions = shown(run === 2 ? alice.hears({ _tag: "SasAbort", run }, now) : alice.due(now + 10_000))
      assert.strictEqual(actions.includes("GiveUpChat"), run === 3)
    }
  })
})

describe("in a chat", () => {
  it("nothing is shown before rA is checked, and three failures end it on both sides", () => {
    const world = new World().opened()
    world.fate = () => [20]
    for (let run = 1; run <= 3; run++) {
      world.alice.sayFrames({ _tag: "SasCommit", run, commitment: commitment(nonce("a")) })
      world.pass(100)
      assert.isEmpty(world.bob.values)
      world.alice.sayFrames(reveal(run, nonce("another")))
      world.pass(100)
    }
    assert.isEmpty(world.bob.values)
    assert.deepStrictEqual(world.bob.failures, ["mismatch", "mismatch", "mismatch"])
    assert.strictEqual(world.bob.ending?.reason, "unverified")
    assert.strictEqual(world.alice.ending?.reason, "closed_by_peer")
  })

  it("with somebody in between the two see different strings, whatever is passed on", () => {
    // Two chats: alice with mallory, who passes alice's words on to bob in the other, and back.
    for (let round = 0; round < 5; round++) {
      const toAlice = new World({ chat: `alice and mallory ${round}` }).opened()
      const toBob = new World({ chat: `mallory and bob ${round}` }).opened()
      toAlice.fate = () => []
      toBob.fate = () => []
      const alice: SealedSide = toAlice.alice
      const bob: SealedSide = toBob.bob
      alice.verify()
      const sas = { a: alice.state.sas.phase, b: bob.state.sas.phase }
      assert.strictEqual(sas.a._tag, "Committed")
      if (sas.a._tag !== "Committed") continue
      toBob.alice.sayFrames({ _tag: "SasCommit", run: 1, commitment: sas.a.commitment })
      toBob.deliver(toBob.alice.sent.at(-1)!)
      const phase = bob.state.sas.phase
      assert.strictEqual(phase._tag, "Replied")
      if (phase._tag !== "Replied") continue
      toAlice.bob.sayFrames(reply(1, phase.rB))
      toAlice.deliver(toAlice.bob.sent.at(-1)!)
      toBob.alice.sayFrames(reveal(1, sas.a.rA))
      toBob.deliver(toBob.alice.sent.at(-1)!)
      assert.lengthOf(alice.values, 1)
      // The commitment is to the handshake's h: passed on into another chat, it matches nothing.
      assert.deepStrictEqual(bob.values, [])
      assert.deepStrictEqual(bob.failures, ["mismatch"])
    }
  })

  it("with somebody in between who plays both roles right, the strings still differ", () => {
    for (let round = 0; round < 20; round++) {
      const values = ["alice and mallory", "mallory and bob"].map((chat) => {
        const world = new World({ chat: `${chat} ${round}` }).opened()
        world.alice.verify()
        world.pass(1000)
        assert.deepStrictEqual(world.alice.values, world.bob.values)
        return world.alice.values[0]
      })
      assert.notStrictEqual(values[0], values[1])
    }
  })
})
