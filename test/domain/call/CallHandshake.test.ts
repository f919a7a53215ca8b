import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as CallHandshake from "../../../src/domain/call/CallHandshake.ts"
import { primitives } from "../crypto/primitives.ts"
import {
  alice,
  answer,
  bob,
  byId,
  calleeEntropy,
  callerEntropy,
  handshake,
  initiate,
  invitation,
  judgement,
  read,
  shared,
} from "./handshakes.ts"

describe("the handshake of a chat", () => {
  it("leaves the same keys on both sides, and tells each who the other is", () => {
    const { alices, bobs } = handshake()
    assert.deepStrictEqual(shared(alices), shared(bobs))
    assert.isTrue(alices.isInitiator)
    assert.isFalse(bobs.isInitiator)
    assert.deepStrictEqual(alices.peer, {
      id: bob.identity.id,
      staticKey: bob.identity.certificate.staticKey,
      certificate: bob.identity.certificate,
      name: bob.name,
    })
    assert.strictEqual(bobs.peer.id, alice.identity.id)
    assert.strictEqual(bobs.peer.name, alice.name)
    assert.deepStrictEqual(alices.self.staticSecret, alice.identity.staticSecret)
  })

  it("gives every key its own bytes", () => {
    const { link, record, exporter, sas, h } = handshake().alices
    const all = [link.send, link.receive, record.send, record.receive, exporter, sas, h].map(String)
    assert.strictEqual(new Set(all).size, all.length)
  })

  it("has messages of one length, whatever the names and whether invited or not", () => {
    const plain = handshake()
    const invited = handshake({ invitation, dialled: byId(bob) })
    for (const { m1, m2 } of [plain, invited]) assert.deepStrictEqual([m1.length, m2.length], [1800, 1480])
    assert.deepStrictEqual(shared(invited.alices), shared(invited.bobs))
  })

  it("tells the callee which name or id was dialled, and by which invitation, before it answers", () => {
    const caller = Result.getOrThrow(read(initiate({ invitation, dialled: byId(bob) }).m1))
    assert.deepStrictEqual(caller.dialled, byId(bob))
    assert.deepStrictEqual(caller.inviteId, invitation.inviteId)
    assert.strictEqual(Result.getOrThrow(read(initiate().m1)).inviteId, undefined)
  })

  it("has other keys in each call, though the same two people call", () => {
    const one = handshake().alices
    const other = handshake({ entropy: callerEntropy("another") }).alices
    assert.notDeepEqual(one.h, other.h)
    assert.notDeepEqual(one.record.send, other.record.send)
  })

  it("is the same for the same random bytes: it draws none of its own", () => {
    assert.deepStrictEqual(handshake(), handshake())
  })

  it("depends on the ML-KEM secret: who knows all of the curves' secrets has no key", () => {
    const { state, m1 } = initiate()
    const caller = Result.getOrThrow(read(m1))
    const other = { ...calleeEntropy(), kemEntropy: calleeEntropy("another").kemEntropy }
    const one = answer(m1).keys
    const two = CallHandshake.answer(primitives, caller, undefined, other)!
    assert.notDeepEqual(one.record.send, two.keys.record.send)
    assert.deepStrictEqual(shared(CallHandshake.readM2(primitives, state, two.m2, judgement)!), shared(two.keys))
  })
})
