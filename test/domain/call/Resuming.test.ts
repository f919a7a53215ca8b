/**
 * A chat that goes on: a call of the program, which rings nowhere, with the callId of the chat's first call.
 */
import { assert, describe, it } from "@effect/vitest"
import * as CallState from "../../../src/domain/call/CallState.ts"
import * as LinkChannel from "../../../src/domain/call/LinkChannel.ts"
import * as Bytes from "../../../src/domain/crypto/Bytes.ts"
import * as PersonId from "../../../src/domain/identity/PersonId.ts"
import { primitives } from "../crypto/primitives.ts"
import * as CallWorld from "./CallWorld.ts"
import { alice, bob, byId, byName, mallory, shared } from "./handshakes.ts"

const { keysOf, story, told } = CallWorld

const chat = CallWorld.someCallId("the chat's first call")
const other = CallWorld.someCallId("another chat")
const direct = ["Established", "TryPort", "Start"]

type Self = typeof alice

/** People of whom each knows the chat with the other, and takes no calls. */
const busy = (...selves: [Self, Self, ...Array<Self>]) => {
  const world = CallWorld.make(...selves)
  const [a, b] = world.parties
  const knows = (one: CallWorld.Party, peer: CallWorld.Party) => {
    one.config = {
      ...one.config,
      admits: () => "Refuse",
      resumable: (chatId, id) => (Bytes.equals(chatId, chat) && id === peer.self.identity.id ? "Known" : "Unknown"),
    }
  }
  knows(a, b)
  knows(b, a)
  return { world, a, b }
}

describe("a chat that both know", () => {
  it("goes on with new keys, without ringing, though the other takes no calls", () => {
    const { world, a, b } = busy(alice, bob)
    const callId = world.dial(a, byId(bob), { resumes: chat })
    world.run()
    assert.deepStrictEqual(story(a), direct)
    assert.deepStrictEqual(story(b), direct)
    for (const party of [a, b]) {
      const [established] = told(party, "Established")
      assert.deepStrictEqual(
        [established!.callId, established!.resumes, established!.inviteId],
        [callId, chat, undefined],
      )
    }
    assert.deepStrictEqual(shared(keysOf(a)), shared(keysOf(b)))
  })

  it("goes on whatever the other calls itself by now: it is known by its key", () => {
    const { world, a, b } = busy({ ...alice, name: mallory.name }, bob)
    b.config = { ...b.config, pinned: () => mallory.identity.id }
    world.dial(a, byId(bob), { resumes: chat })
    world.run()
    assert.deepStrictEqual(story(b), direct)
  })

  it("takes the place of what is left of the call before", () => {
    const { world, a, b } = busy(alice, bob)
    for (let i = 0; i < 2; i++) {
      world.dial(a, byId(bob), { resumes: chat })
      world.run()
    }
    for (const party of [a, b]) {
      assert.deepStrictEqual(told(party, "Gone").length, 1)
      assert.strictEqual(party.state.calls.size, 1)
    }
  })

  it("goes on only with who it is with", () => {
    const { world, a, b } = busy(alice, bob, mallory)
    const [, , m] = world.parties
    world.dial(m!, byId(bob), { resumes: chat })
    world.run()
    assert.deepStrictEqual(story(m!), ["CallFailed Declined"])
    assert.deepStrictEqual(story(b), ["Refused Not_admitted"])
    world.dial(a, byId(bob), { resumes: chat })
    world.run()
    assert.deepStrictEqual(story(a), direct)
  })

  it("is asked for once at a time, and beside what a person calls", () => {
    const { world, a } = busy(alice, bob, mallory)
    world.dial(a, byName(mallory))
    world.dial(a, byId(bob), { resumes: chat })
    world.dial(a, byId(bob), { resumes: chat })
    world.dial(a, byId(bob), { resumes: other })
    assert.deepStrictEqual(story(a), ["CallFailed Already_calling"])
    assert.strictEqual(a.state.calls.size, 3)
    world.dial(a, byName(mallory))
    assert.deepStrictEqual(story(a), ["CallFailed Already_calling", "CallFailed Already_calling"])
  })

  it("does not touch what rings, or is being called", () => {
    const { world, a, b } = busy(alice, bob)
    b.config = { ...b.config, admits: () => "Ring" }
    const ringing = world.dial(a, byName(bob))
    world.run()
    world.dial(a, byId(bob), { resumes: chat })
    world.run()
    assert.deepStrictEqual(story(b), ["Ring", ...direct])
    world.tell(b, { _tag: "Accept", callId: ringing })
    world.run()
    assert.deepStrictEqual(told(a, "Established")[1]?.resumes, undefined)
    assert.deepStrictEqual(told(a, "Established")[1]?.callId, ringing)
  })

  it("does not ring, nor counts as one, when who calls is somebody that we resume with: a person's call is a person's", () => {
    const { world, a, b } = busy(alice, bob)
    b.config = { ...b.config, admits: () => "Ring" }
    world.dial(b, byId(alice), { resumes: chat })
    const held = world.until("Chat")
    world.dial(a, byName(bob))
    world.run()
    assert.deepStrictEqual(story(b), ["Ring"])
    world.serve(held)
    world.run()
    assert.deepStrictEqual(story(b), ["Ring", ...direct])
    assert.deepStrictEqual(told(b, "Established")[0]?.resumes, chat)
  })

  it("that is refused, or not answered, is told as any call is", () => {
    const { world, a } = busy(alice, bob)
    world.dial(a, byId(mallory), { resumes: chat })
    world.run()
    world.dial(a, byId(bob), { resumes: chat })
    world.until("Chat")
    world.wait(CallState.handshakeMillis)
    assert.deepStrictEqual(story(a), ["CallFailed User_not_online", "CallFailed No_answer"])
  })
})

describe("both resume at once", () => {
  const [low, high] = PersonId.compare(alice.identity.id, bob.identity.id) < 0 ? [alice, bob] : [bob, alice]

  it.each(["low", "high"] as const)("and it goes on once, by the lower id's call, whose comes first: %s", (first) => {
    const { world, a: l, b: h } = busy(low, high)
    const ofLow = world.dial(l, byId(high), { resumes: chat })
    const ofHigh = world.dial(h, byId(low), { resumes: chat })
    world.serve(world.until("LookUp"))
    world.serve(world.until("LookUp"))
    const chats = [world.until("Chat"), world.until("Chat")]
    if ((chats[0]!.from === l) !== (first === "low")) chats.reverse()
    for (const held of chats) world.serve(held)
    world.run()
    assert.deepStrictEqual(story(l), direct)
    assert.deepStrictEqual(story(h), ["Merged", ...direct])
    assert.deepStrictEqual(told(h, "Merged")[0], { _tag: "Merged", callId: ofHigh, into: ofLow })
    assert.deepStrictEqual(shared(keysOf(l)), shared(keysOf(h)))
  })

  it("while one has said nothing yet: the other's goes on", () => {
    const { world, a: l, b: h } = busy(low, high)
    const ofLow = world.dial(l, byId(high), { resumes: chat })
    const lookup = world.until("LookUp")
    world.dial(h, byId(low), { resumes: chat })
    world.run()
    world.serve(lookup)
    world.run()
    assert.deepStrictEqual(story(l), ["Merged", ...direct])
    assert.deepStrictEqual(told(l, "Merged")[0]?.callId, ofLow)
    assert.deepStrictEqual(story(h), direct)
  })

  it("two chats: each goes on by its own call", () => {
    const { world, a: l, b: h } = busy(low, high)
    for (const party of [l, h]) party.config = { ...party.config, resumable: () => "Known" }
    world.dial(l, byId(high), { resumes: chat })
    world.dial(h, byId(low), { resumes: other })
    world.run()
    for (const party of [l, h]) {
      assert.lengthOf(told(party, "Established"), 2)
      assert.lengthOf(told(party, "Merged"), 0)
    }
  })
})

describe("a chat that the other does not know", () => {
  /** Bob has lost it, and would let alice ring. */
  const lost = () => {
    const stage = busy(alice, bob)
    stage.b.config = { ...stage.b.config, admits: () => "Ring", resumable: () => "Unknown" }
    return stage
  }

  it("does not go on and does not ring; who asks hears from the other itself that there is none", () => {
    const { world, a, b } = lost()
    world.dial(a, byId(bob), { resumes: chat })
    world.run()
    assert.deepStrictEqual(story(a), ["CallFailed No_such_chat"])
    assert.deepStrictEqual(story(b), [])
    for (const { state } of [a, b]) assert.strictEqual(state.calls.size, 0)
  })

  it("is declined like any call by who takes none, and nothing is said of the chat", () => {
    const { world, a, b } = lost()
    b.config = { ...b.config, admits: () => "Refuse" }
    world.dial(a, byId(bob), { resumes: chat })
    world.run()
    assert.deepStrictEqual(story(a), ["CallFailed Declined"])
    assert.deepStrictEqual(
      world.lines.map(({ line }) => line._tag),
      ["LookUp", "Chat", "End"],
    )
  })

  it("is asked after when the caller has shown to be live: it may have ended meanwhile", () => {
    const { world, a, b } = busy(alice, bob)
    world.dial(a, byId(bob), { resumes: chat })
    world.serve(world.until("Pass"))
    b.config = { ...b.config, resumable: () => "Unknown" }
    world.run()
    assert.deepStrictEqual(story(a), ["CallFailed No_such_chat"])
  })

  it("is said to be none by the other side alone: no server's word, no changed and no misplaced message says so", () => {
    const { world, a } = lost()
    const callId = world.dial(a, byId(bob), { resumes: chat })
    world.until("Pass")
    const m2 = world.lines.at(-1)!
    world.serve(m2)
    world.queue.length = 0
    const { keys } = CallState.find(a.state, callId) as CallState.Confirming
    const callee = LinkChannel.make({ callId, link: { send: keys.link.receive, receive: keys.link.send } })
    const { data } = LinkChannel.seal(primitives, callee, LinkChannel.noSuchChat)!
    world.tell(a, { _tag: "Passed", callId, data: data.with(3, data[3]! ^ 1) })
    world.tell(a, { _tag: "Passed", callId, data: data.subarray(1) })
    assert.deepStrictEqual(story(a), [])
    world.tell(a, { _tag: "Passed", callId, data })
    assert.deepStrictEqual(story(a), ["CallFailed No_such_chat"])
  })

  it("is nothing that ends a person's call", () => {
    const { world, a, b } = lost()
    const callId = world.dial(a, byName(bob))
    world.run()
    const { keys } = CallState.find(a.state, callId) as CallState.Confirming
    const callee = LinkChannel.make({ callId, link: { send: keys.link.receive, receive: keys.link.send } })
    const { data } = LinkChannel.seal(primitives, callee, LinkChannel.noSuchChat)!
    world.tell(a, { _tag: "Passed", callId, data })
    assert.deepStrictEqual(story(a), [])
    world.tell(b, { _tag: "Accept", callId })
    world.run()
    assert.deepStrictEqual(story(a), direct)
  })
})
