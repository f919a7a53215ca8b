import { assert, describe, it } from "@effect/vitest"
import * as Calls from "../../../src/domain/call/Calls.ts"
import * as CallState from "../../../src/domain/call/CallState.ts"
import * as Identity from "../../../src/domain/identity/Identity.ts"
import * as PersonId from "../../../src/domain/identity/PersonId.ts"
import * as Invitation from "../../../src/domain/call/Invitation.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"
import * as CallWorld from "./CallWorld.ts"
import { alice, bob, byId, byName, mallory, now, person, shared } from "./handshakes.ts"

const { keysOf, story, told } = CallWorld

/** Alice calls bob up to where it rings. */
const ringing = () => {
  const world = CallWorld.make(alice, bob)
  const [a, b] = world.parties
  const callId = world.dial(a, byName(bob))
  world.run()
  return { world, a, b, callId }
}

describe("a call", () => {
  it("rings at the other side, is accepted, and both begin with the same keys", () => {
    const { world, a, b, callId } = ringing()
    assert.deepStrictEqual(story(a), [])
    assert.deepStrictEqual(story(b), ["Ring"])
    const [ring] = told(b, "Ring")
    assert.deepStrictEqual(ring, {
      _tag: "Ring",
      callId,
      peer: { id: alice.identity.id, name: alice.name, invited: false },
      dialled: byName(bob),
      inviteId: undefined,
    })
    world.tell(b, { _tag: "Accept", callId })
    world.run()
    assert.deepStrictEqual(story(a), ["Established", "TryPort", "Start"])
    assert.deepStrictEqual(story(b), ["Ring", "Established", "TryPort", "Start"])
    assert.deepStrictEqual(shared(keysOf(a)), shared(keysOf(b)))
    assert.strictEqual(told(a, "Established")[0]!.keys.peer.id, bob.identity.id)
    assert.isTrue(told(a, "Established")[0]!.keys.isInitiator)
  })

  it("sends what PROTOCOL says, in that order", () => {
    const { world, b, callId } = ringing()
    world.tell(b, { _tag: "Accept", callId })
    world.run()
    assert.deepStrictEqual(
      world.lines.map(({ from, line }) => `${from.self.name} ${line._tag}`),
      ["alice LookUp", "alice Chat", "bob Pass", "alice Pass", "bob Pass", "bob Accept"],
    )
  })

  it("can be dialled by id", () => {
    const world = CallWorld.make(alice, bob)
    const [a, b] = world.parties
    world.dial(a, byId(bob))
    world.run()
    assert.deepStrictEqual(told(b, "Ring")[0]?.dialled, byId(bob))
  })

  it("does not ring where the policy accepts, and does not reach where it refuses", () => {
    for (const [welcome, atCallee, atCaller] of [
      ["Accept", ["Established", "TryPort", "Start"], ["Established", "TryPort", "Start"]],
      ["Refuse", ["Refused Not_admitted"], ["CallFailed Declined"]],
    ] as const) {
      const world = CallWorld.make(alice, bob)
      const [a, b] = world.parties
      const asked: Array<Calls.CallerInfo> = []
      b.config = {
        ...b.config,
        admits: (caller) => {
          asked.push(caller)
          return welcome
        },
      }
      world.dial(a, byName(bob))
      world.run()
      assert.deepStrictEqual(story(b), atCallee)
      assert.deepStrictEqual(story(a), atCaller)
      assert.deepStrictEqual(asked, [{ id: alice.identity.id, name: alice.name, invited: false }])
    }
  })

  it("that is declined ends on both sides; whose word it was is told", () => {
    const { world, a, b, callId } = ringing()
    world.tell(b, { _tag: "Decline", callId })
    world.run()
    assert.deepStrictEqual(
      told(a, "CallFailed").map(({ code, byUs }) => [code, byUs]),
      [["Declined", false]],
    )
    assert.deepStrictEqual(
      told(b, "CallFailed").map(({ code, byUs }) => [code, byUs]),
      [["Declined", true]],
    )
  })

  it("can be cancelled at any time, and then stops ringing", () => {
    const { world, a, b, callId } = ringing()
    world.tell(a, { _tag: "Cancel", callId })
    world.run()
    assert.deepStrictEqual(story(a), ["CallFailed Cancelled"])
    assert.deepStrictEqual(story(b), ["Ring", "CallFailed Cancelled"])
    assert.strictEqual(Calls.dueAt(a.state), Infinity)
    assert.strictEqual(Calls.dueAt(b.state), Infinity)
  })

  it("to a name that nobody has comes to nothing, as one that the server refuses", () => {
    const world = CallWorld.make(alice, bob)
    const [a] = world.parties
    world.dial(a, byName(mallory))
    world.run()
    const callId = world.dial(a, byName(bob))
    world.until("Chat")
    world.tell(a, { _tag: "Ended", callId, code: "Too_fast" })
    assert.deepStrictEqual(story(a), ["CallFailed User_not_online", "CallFailed Too_fast"])
  })

  it("to oneself is none, by name, by id and by certificate", () => {
    const world = CallWorld.make(alice, bob)
    const [a] = world.parties
    world.dial(a, byName(alice))
    world.dial(a, byId(alice))
    world.dial(a, byName(bob))
    const { line } = world.until("LookUp")
    assert.deepStrictEqual(line.who, byName(bob))
    const { callId } = line
    world.tell(a, { _tag: "Found", callId, name: bob.name, certificate: alice.identity.certificate.encoded })
    assert.deepStrictEqual(story(a), ["CallFailed Self_call", "CallFailed Self_call", "CallFailed Self_call"])
  })

  it("is one at a time", () => {
    const world = CallWorld.make(alice, bob)
    const [a] = world.parties
    world.dial(a, byName(bob))
    world.dial(a, byName(mallory))
    assert.deepStrictEqual(story(a), ["CallFailed Already_calling"])
  })

  it("ends with the link to the server; one that is agreed on is gone, which is no failure", () => {
    const { world, a, b, callId } = ringing()
    world.tell(a, { _tag: "LinkLost" })
    assert.deepStrictEqual(story(a), ["CallFailed Server_lost"])
    world.tell(b, { _tag: "Accept", callId })
    world.run()
    assert.include(story(b), "Start")
    world.tell(b, { _tag: "LinkLost" })
    assert.deepStrictEqual(story(b), ["Ring", "Established", "TryPort", "Start", "Gone Server_lost"])
  })
})

describe("time", () => {
  it("ends a lookup without an answer, and the answer that comes late is nobody else's", () => {
    const world = CallWorld.make(alice, bob, mallory)
    const [a] = world.parties
    world.dial(a, byId(bob))
    const late = world.until("LookUp")
    world.wait(CallState.lookupMillis)
    assert.deepStrictEqual(story(a), ["CallFailed No_answer"])
    world.dial(a, byId(mallory))
    world.serve(late)
    assert.deepStrictEqual(story(a), ["CallFailed No_answer"])
    world.serve(world.until("LookUp"))
    assert.strictEqual(world.queue.at(-1)?.line._tag, "Chat")
  })

  it("ends a call that nobody answers, and the server is told", () => {
    const world = CallWorld.make(alice, bob)
    const [a] = world.parties
    world.dial(a, byName(bob))
    world.until("Chat")
    world.wait(CallState.handshakeMillis - 1)
    assert.deepStrictEqual(story(a), [])
    world.wait(1)
    assert.deepStrictEqual(story(a), ["CallFailed No_answer"])
    assert.deepInclude(world.queue.at(-1)?.line, { _tag: "End", code: "Cancelled" })
  })

  it("ends the ringing after a minute", () => {
    const { world, a, b } = ringing()
    world.wait(59_999)
    assert.deepStrictEqual(story(b), ["Ring"])
    world.wait(1)
    assert.deepStrictEqual(story(b), ["Ring", "CallFailed No_answer"])
    world.run()
    assert.deepStrictEqual(story(a), ["CallFailed Declined"])
  })

  it("ends a call whose caller does not show to be live, without a word to the person", () => {
    const world = CallWorld.make(alice, bob)
    const [a, b] = world.parties
    world.dial(a, byName(bob))
    world.until("Pass")
    world.wait(CallState.handshakeMillis)
    assert.deepStrictEqual(story(b), [])
    assert.deepInclude(world.queue.findLast(({ from }) => from === b)?.line, { _tag: "End", code: "Failed" })
    assert.strictEqual(Calls.dueAt(b.state), Infinity)
  })

  it("does not end what is agreed on: it may be that nothing but the server's way is ever found", () => {
    const { world, a, b, callId } = ringing()
    world.tell(b, { _tag: "Accept", callId })
    world.until("Accept")
    world.wait(24 * 3_600_000)
    assert.deepStrictEqual(story(a), ["Established"])
    assert.deepStrictEqual(story(b), ["Ring", "Established"])
    for (const { state } of [a, b]) assert.strictEqual(Calls.dueAt(state), Infinity)
  })
})

describe("before both have said yes", () => {
  const port = (callId: Uint8Array) => ({ _tag: "AskedPort", callId, port: 55_000 }) as const
  const start = (callId: Uint8Array, address = "192.0.2.1") =>
    ({ _tag: "StartChat", callId, endpoint: { address, port: 55_000 } }) as const

  it("no port is tried and no chat begun, whatever the server says", () => {
    const { world, a, b, callId } = ringing()
    for (const party of [a, b]) {
      const before = party.state
      assert.deepStrictEqual(world.tell(party, port(callId)), [])
      assert.deepStrictEqual(world.tell(party, { _tag: "AskedPort", callId, port: undefined }), [])
      assert.deepStrictEqual(world.tell(party, start(callId)), [])
      assert.deepStrictEqual(world.tell(party, port(CallWorld.someCallId("none"))), [])
      assert.strictEqual(party.state, before)
    }
  })

  it("and after that at most 20 ports, and one chat, with one host", () => {
    const { world, a, b, callId } = ringing()
    world.tell(b, { _tag: "Accept", callId })
    world.until("Accept")
    for (const party of [a, b]) {
      let tried = 0
      for (let i = 0; i < 1000; i++) tried += world.tell(party, port(callId)).length
      assert.strictEqual(tried, 20)
      assert.deepStrictEqual(world.tell(party, { _tag: "AskedPort", callId, port: undefined }), [])
      for (const address of ["224.0.0.1", "255.255.255.255", "0.0.0.0", "ff02::1"]) {
        assert.deepStrictEqual(world.tell(party, start(callId, address)), [])
      }
      assert.strictEqual(world.tell(party, start(callId)).length, 1)
      assert.deepStrictEqual(world.tell(party, start(callId)), [])
      assert.deepStrictEqual(world.tell(party, port(callId)), [])
    }
  })
})

describe("both call each other", () => {
  const [low, high] = PersonId.compare(alice.identity.id, bob.identity.id) < 0 ? [alice, bob] : [bob, alice]

  /** Both M1 are on their way at once; `first` arrives first. */
  const cross = (first: "low" | "high") => {
    const world = CallWorld.make(low, high)
    const [l, h] = world.parties
    const ofLow = world.dial(l, byName(high))
    const ofHigh = world.dial(h, byName(low))
    world.serve(world.until("LookUp"))
    world.serve(world.until("LookUp"))
    const chats = [world.until("Chat"), world.until("Chat")]
    assert.deepStrictEqual(world.queue, [])
    if ((chats[0]!.from === l) !== (first === "low")) chats.reverse()
    for (const chat of chats) world.serve(chat)
    world.run()
    return { world, l, h, ofLow, ofHigh }
  }

  it.each(["low", "high"] as const)(
    "and one chat comes of it, without ringing, the lower id's first or last: %s",
    (first) => {
      const { l, h, ofLow, ofHigh } = cross(first)
      assert.deepStrictEqual(story(l), ["Established", "TryPort", "Start"])
      assert.deepStrictEqual(story(h), ["Merged", "Established", "TryPort", "Start"])
      assert.deepStrictEqual(told(h, "Merged")[0], { _tag: "Merged", callId: ofHigh, into: ofLow })
      const [keysOfLow, keysOfHigh] = [keysOf(l), keysOf(h)]
      assert.isTrue(keysOfLow.isInitiator)
      assert.isFalse(keysOfHigh.isInitiator)
      assert.deepStrictEqual(shared(keysOfLow), shared(keysOfHigh))
    },
  )

  it("does not depend on the policy: who calls somebody wants to talk", () => {
    const world = CallWorld.make(low, high)
    const [l, h] = world.parties
    h.config = { ...h.config, admits: () => "Refuse" }
    world.dial(l, byName(high))
    world.dial(h, byName(low))
    world.run()
    assert.include(story(h), "Start")
  })

  describe("while one looks up the other, whose name it does not know yet, and may take no calls", () => {
    /** `a` has called `b`, who is looking up `a`'s name. */
    const early = (caller: typeof alice, callee: typeof alice, welcome: Calls.Welcome = "Refuse") => {
      const world = CallWorld.make(caller, callee)
      const [a, b] = world.parties
      b.config = { ...b.config, admits: () => welcome }
      const theirs = world.dial(a, byName(callee))
      const chat = world.until("Chat")
      const ours = world.dial(b, byName(caller))
      const lookup = world.until("LookUp")
      world.serve(chat)
      assert.deepStrictEqual([world.queue, b.told], [[], []])
      return { world, a, b, theirs, ours, lookup }
    }

    it.each([
      ["lower", low, high],
      ["higher", high, low],
    ] as const)("the %s id's call that comes in between goes on: it is who was looked up", (_, caller, callee) => {
      const { world, a, b, theirs, ours, lookup } = early(caller, callee)
      world.serve(lookup)
      world.run()
      assert.deepStrictEqual(story(b), ["Merged", "Established", "TryPort", "Start"])
      assert.deepStrictEqual(told(b, "Merged")[0], { _tag: "Merged", callId: ours, into: theirs })
      assert.deepStrictEqual(story(a), ["Established", "TryPort", "Start"])
    })

    it.each(["Ring", "Accept"] as const)(
      "and where calls are welcome: %s; it neither rings nor is a chat of its own",
      (welcome) => {
        const { world, a, b, theirs, ours, lookup } = early(high, low, welcome)
        world.serve(lookup)
        world.run()
        assert.deepStrictEqual(story(b), ["Merged", "Established", "TryPort", "Start"])
        assert.deepStrictEqual(told(b, "Merged")[0], { _tag: "Merged", callId: ours, into: theirs })
        assert.deepStrictEqual(story(a), ["Established", "TryPort", "Start"])
      },
    )

    it("somebody else who says that name is turned away, and our call goes to who has it", () => {
      const impostor = { ...mallory, name: low.name }
      const world = CallWorld.make(low, high, impostor)
      const [a, b, c] = world.parties as [CallWorld.Party, CallWorld.Party, CallWorld.Party]
      b.config = { ...b.config, admits: () => "Refuse" }
      a.config = { ...a.config, admits: () => "Accept" }
      world.dial(c, byId(high))
      const chat = world.until("Chat")
      world.dial(b, byName(low))
      const lookup = world.until("LookUp")
      world.serve(chat)
      world.serve(lookup)
      world.run()
      assert.deepStrictEqual(story(c), ["CallFailed Declined"])
      assert.deepStrictEqual(story(b), ["Refused Not_admitted", "Established", "TryPort", "Start"])
      assert.strictEqual(keysOf(b).peer.id, low.identity.id)
    })

    it("whoever called hears no if the name is nobody's, or it takes too long, or we give up", () => {
      for (const end of ["NotFound", "Due", "Cancel"] as const) {
        const { world, a, b, ours } = early(low, high)
        if (end === "NotFound") world.tell(b, { _tag: "NotFound", callId: ours, code: "User_not_online" })
        if (end === "Due") world.wait(10_000)
        if (end === "Cancel") world.tell(b, { _tag: "Cancel", callId: ours })
        world.run()
        assert.deepStrictEqual(story(a), ["CallFailed Declined"])
        assert.lengthOf(told(b, "CallFailed"), 1)
      }
    })

    it("whoever has given up is not answered any more: our call goes on", () => {
      const { world, a, b, theirs, lookup } = early(low, high)
      a.config = { ...a.config, admits: () => "Accept" }
      world.tell(a, { _tag: "Cancel", callId: theirs })
      world.run()
      world.serve(lookup)
      world.run()
      assert.deepStrictEqual(story(b), ["Established", "TryPort", "Start"])
      assert.isTrue(keysOf(b).isInitiator)
    })
  })

  it.each([
    ["by name", (self: typeof alice) => byName(self)],
    ["by id", (self: typeof alice) => byId(self)],
  ] as const)("one after the other, %s: to call who is ringing is to accept", (_, who) => {
    for (const [caller, callee] of [
      [low, high],
      [high, low],
    ] as const) {
      const world = CallWorld.make(caller, callee)
      const [a, b] = world.parties
      const callId = world.dial(a, byName(callee))
      world.run()
      const ours = world.dial(b, who(caller))
      world.run()
      assert.deepStrictEqual(story(b), ["Ring", "Merged", "Established", "TryPort", "Start"])
      assert.deepStrictEqual(told(b, "Merged")[0], { _tag: "Merged", callId: ours, into: callId })
      assert.deepStrictEqual(story(a), ["Established", "TryPort", "Start"])
    }
  })

  it("while the answer to LOOKUP is on its way: nothing was said yet, so the other's call goes on, whoever is lower", () => {
    for (const [caller, callee] of [
      [low, high],
      [high, low],
    ] as const) {
      const world = CallWorld.make(caller, callee)
      const [a, b] = world.parties
      world.dial(a, byName(callee))
      const chat = world.until("Chat")
      world.dial(b, byId(caller))
      const lookup = world.until("LookUp")
      world.serve(chat)
      world.run()
      world.serve(lookup)
      world.run()
      assert.deepStrictEqual(story(b), ["Merged", "Established", "TryPort", "Start"])
      assert.deepStrictEqual(story(a), ["Established", "TryPort", "Start"])
    }
  })

  it("and one gives up: the call it merged into ends", () => {
    const world = CallWorld.make(low, high)
    const [l, h] = world.parties
    world.dial(l, byName(high))
    const chat = world.until("Chat")
    world.dial(h, byId(low))
    world.serve(world.until("LookUp"))
    world.serve(chat)
    const [{ into }] = told(h, "Merged") as [CallWorld.ActionOf<"Merged">]
    world.tell(h, { _tag: "Cancel", callId: into })
    world.run()
    assert.deepStrictEqual(story(h), ["Merged", "CallFailed Declined"])
    assert.deepStrictEqual(story(l), ["CallFailed Declined"])
  })
})

describe("an invitation", () => {
  const secret = bytesOf("secret", 16)
  const link: Invitation.Invitation = {
    host: "chat.example",
    port: 6969,
    serverKey: undefined,
    id: bob.identity.id,
    secret,
    expiry: now + 3600,
  }
  const inviteId = Invitation.inviteId(primitives, secret)

  const invited = (pskOf: Calls.Config["pskOf"] = () => Invitation.psk(primitives, secret)) => {
    const world = CallWorld.make(alice, bob)
    const [a, b] = world.parties
    b.config = { ...b.config, pskOf, admits: ({ invited }) => (invited ? "Ring" : "Refuse") }
    const callId = world.dial(a, byId(bob), { invitation: link })
    world.run()
    return { world, a, b, callId }
  }

  it("is noted as used before anything rings", () => {
    const { world, a, b, callId } = invited()
    assert.deepStrictEqual(b.told, [{ _tag: "UseUpInvitation", callId, inviteId }])
    world.tell(b, { _tag: "InvitationUsed", callId, ok: true })
    assert.deepStrictEqual(told(b, "Ring")[0]?.peer.invited, true)
    world.tell(b, { _tag: "Accept", callId })
    world.run()
    assert.deepStrictEqual(told(a, "Established")[0]?.inviteId, inviteId)
    assert.deepStrictEqual(told(b, "Established")[0]?.inviteId, inviteId)
  })

  it("that turns out to be used does not ring", () => {
    const { world, a, b, callId } = invited()
    world.tell(b, { _tag: "InvitationUsed", callId, ok: false })
    world.run()
    assert.deepStrictEqual(story(b), ["UseUpInvitation"])
    assert.deepStrictEqual(story(a), ["CallFailed Declined"])
  })

  it("whose caller hangs up while it is noted does not ring, and the answer changes nothing", () => {
    const { world, a, b, callId } = invited()
    world.tell(a, { _tag: "Cancel", callId })
    world.run()
    assert.deepStrictEqual(world.tell(b, { _tag: "InvitationUsed", callId, ok: true }), [])
  })

  it("that has expired is not even dialled", () => {
    const world = CallWorld.make(alice, bob)
    const [a] = world.parties
    world.dial(a, byId(bob), { invitation: { ...link, expiry: now } })
    assert.deepStrictEqual(story(a), ["CallFailed Invitation_invalid"])
    assert.deepStrictEqual(world.lines, [])
  })

  it("says who the inviter is: another one is refused, though the server has that name for it", () => {
    const world = CallWorld.make(alice, bob, mallory)
    const [a] = world.parties
    world.dial(a, byName(mallory), { invitation: link })
    world.run()
    assert.deepStrictEqual(story(a), ["CallFailed Key_changed"])
  })
})

describe("calls of many", () => {
  it("are at most eight at a time: the ninth is declined unread, and a place that is free again is given", () => {
    const callers = Array.from({ length: 10 }, (_, i) => person(`caller${i}`))
    const world = CallWorld.make(bob, alice, ...callers)
    const [b, , ...others] = world.parties
    for (const other of others.slice(0, 9)) {
      world.dial(other, byName(bob))
      world.run()
    }
    assert.strictEqual(told(b, "Ring").length, 8)
    assert.deepStrictEqual(story(others[8]!), ["CallFailed Declined"])
    world.tell(b, { _tag: "Decline", callId: told(b, "Ring")[0]!.callId })
    world.dial(others[9]!, byName(bob))
    world.run()
    assert.strictEqual(told(b, "Ring").length, 9)
  })

  it("that are agreed on hold no place of those, and are sixteen at most: the oldest is over then", () => {
    const callers = Array.from({ length: 20 }, (_, i) => person(`caller${i}`))
    const world = CallWorld.make(bob, ...callers)
    const [b, ...others] = world.parties
    b.config = { ...b.config, admits: () => "Accept" }
    for (const other of others) {
      world.dial(other, byName(bob))
      world.run()
      assert.include(story(other), "Start")
    }
    assert.strictEqual(b.state.calls.size, CallState.maxAgreed)
    assert.deepStrictEqual(
      told(b, "Gone").map(({ code }) => code),
      Array.from({ length: 4 }, () => "Replaced"),
    )
    assert.deepStrictEqual(
      others.map((other) => other.state.calls.size),
      [...Array.from({ length: 4 }, () => 0), ...Array.from({ length: 16 }, () => 1)],
    )
  })

  it("with one person are agreed on once: the newer one is the way, and the older is over on both sides", () => {
    const world = CallWorld.make(alice, bob)
    const [a, b] = world.parties
    b.config = { ...b.config, admits: () => "Accept" }
    for (let i = 1; i <= 30; i++) {
      world.dial(a, byName(bob))
      world.run()
      for (const party of [a, b]) {
        assert.lengthOf(told(party, "Established"), i)
        assert.lengthOf(told(party, "Gone"), i - 1)
        assert.strictEqual(party.state.calls.size, 1)
      }
    }
  })

  it("of one person ring once: who calls anew has left the call before", () => {
    const world = CallWorld.make(alice, bob, alice)
    const [a, b, restarted] = world.parties
    const first = world.dial(a, byName(bob))
    world.run()
    const second = world.dial(restarted!, byName(bob))
    world.serve(world.until("Chat"))
    assert.deepStrictEqual(story(b), ["Ring"], "an M1 alone may be an old one")
    world.run()
    assert.deepStrictEqual(story(b), ["Ring", "CallFailed Cancelled", "Ring"])
    assert.deepStrictEqual(told(b, "CallFailed")[0]?.callId, first)
    world.tell(b, { _tag: "Accept", callId: second })
    world.run()
    assert.include(story(restarted!), "Start")
  })

  it("leave nothing behind: what is remembered is bounded", () => {
    const world = CallWorld.make(alice, bob)
    const [a, b] = world.parties
    b.config = { ...b.config, admits: () => "Refuse" }
    for (let i = 0; i < 100; i++) {
      world.dial(a, byName(bob))
      world.run()
    }
    for (const { state } of [a, b]) {
      assert.strictEqual(state.calls.size, 0)
      assert.isAtMost(state.over.length, 64)
    }
  })
})

describe("a key that is known", () => {
  const imposter = { ...person("someone"), name: bob.name }

  it("is not replaced by another one of the same name: the call is refused, with both fingerprints", () => {
    const world = CallWorld.make(alice, imposter)
    const [a] = world.parties
    a.config = { ...a.config, pinned: (name) => (name === bob.name ? bob.identity.id : undefined) }
    world.dial(a, byName(bob))
    world.run()
    assert.deepStrictEqual(story(a), ["CallFailed Key_changed"])
    const [failure] = told(a, "CallFailed")
    assert.notStrictEqual(failure!.change!.known, failure!.change!.shown)
    assert.deepStrictEqual(
      world.lines.map(({ line }) => line._tag),
      ["LookUp"],
    )
  })

  it("nor by one who calls in the contact's name: that one is turned away, and the person is told", () => {
    const world = CallWorld.make(imposter, alice)
    const [m, a] = world.parties
    a.config = { ...a.config, pinned: (name) => (name === bob.name ? bob.identity.id : undefined) }
    world.dial(m, byName(alice))
    world.run()
    assert.deepStrictEqual(story(a), ["Refused Key_changed"])
    assert.deepStrictEqual(story(m), ["CallFailed Declined"])
  })

  it("with a newer certificate of the same id is the same person", () => {
    const newer = { ...bob, identity: Identity.fromSeed(primitives, bob.identity.seed, { serial: now + 5, now }) }
    const world = CallWorld.make(alice, newer)
    const [a, b] = world.parties
    a.config = {
      ...a.config,
      pinned: () => bob.identity.id,
      highestSerial: () => bob.identity.certificate.serial,
    }
    world.dial(a, byName(bob))
    world.run()
    assert.deepStrictEqual(story(b), ["Ring"])
  })
})
