/**
 * Attacks on the handshake of a chat, by the server, by anyone registered there, and by who has stolen a key: each test
 * names one and says what the victim did. Both sides are the real state machines; the attacker is the server between.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Bytes from "../../src/domain/crypto/Bytes.ts"
import type { Primitives } from "../../src/domain/crypto/Primitives.ts"
import * as CallHandshake from "../../src/domain/call/CallHandshake.ts"
import * as Calls from "../../src/domain/call/Calls.ts"
import * as CallState from "../../src/domain/call/CallState.ts"
import * as Invitation from "../../src/domain/call/Invitation.ts"
import * as LinkChannel from "../../src/domain/call/LinkChannel.ts"
import * as Certificate from "../../src/domain/identity/Certificate.ts"
import * as Identity from "../../src/domain/identity/Identity.ts"
import * as PersonId from "../../src/domain/identity/PersonId.ts"
import * as HandshakeState from "../../src/domain/noise/HandshakeState.ts"
import * as CallWorld from "../domain/call/CallWorld.ts"
import {
  alice,
  answer,
  bob,
  byId,
  byName,
  calleeEntropy,
  callerEntropy,
  handshake,
  hashOf,
  initiate,
  judgement,
  mallory,
  now,
  person,
  read,
  refusalOf,
} from "../domain/call/handshakes.ts"
import { bytesOf, primitives } from "../domain/crypto/primitives.ts"

const { story, told } = CallWorld
const day = 86_400

/** The event changes nothing at all and is not answered. */
const ignores = (world: ReturnType<typeof CallWorld.make>, party: CallWorld.Party, event: Calls.Event, what = "") => {
  const [state, actions] = Calls.step(party.config, party.state, event, world.clock)
  if (state !== party.state || actions.length > 0) assert.fail(`${event._tag} ${what} was not ignored`)
}

const message = (number: 1 | 2 | 3 | 4, callId: Uint8Array, bytes: Uint8Array): Calls.Event =>
  number === 1
    ? { _tag: "Incoming", callId, callerHash: hashOf(alice), m1: bytes, entropy: calleeEntropy() }
    : { _tag: "Passed", callId, data: bytes }

/** A call of alice to bob, held at one message: it has been sent and not arrived. The rest is up to `finish`. */
const heldAt = (number: 1 | 2 | 3 | 4, world = CallWorld.make(alice, bob)) => {
  const [a, b] = world.parties
  const callId = world.dial(a, byName(bob))
  let held: CallWorld.Sent = world.until("Chat")
  for (let n = 1; n < number; n++) {
    world.serve(held)
    if (n === 3) world.tell(b, { _tag: "Accept", callId })
    held = world.until("Pass")
  }
  const { line } = held
  const bytes = line._tag === "Chat" ? line.m1 : (line as CallWorld.LineOf<"Pass">).data
  const victim = number % 2 === 1 ? b : a
  const finish = () => {
    world.serve(held)
    world.run()
    if (number < 4) world.tell(b, { _tag: "Accept", callId })
    world.run()
    assert.include(story(a), "Start", "the chat comes up")
    assert.include(story(b), "Start", "the chat comes up")
  }
  return {
    world,
    a,
    b,
    callId,
    held,
    bytes,
    victim,
    finish,
    event: (data: Uint8Array) => message(number, callId, data),
  }
}

const numbers = [1, 2, 3, 4] as const

/** The same primitives, which remember what they have computed: of a changed message most is as it was. */
const remembering = (): Primitives => {
  const known = new Map<string, Uint8Array | undefined>()
  return {
    ...primitives,
    x25519: {
      publicKey: primitives.x25519.publicKey,
      sharedSecret: (secret, key) => {
        const pair = `${Bytes.toBase64Url(secret)} ${Bytes.toBase64Url(key)}`
        if (!known.has(pair)) known.set(pair, primitives.x25519.sharedSecret(secret, key))
        return known.get(pair)
      },
    },
  }
}

describe("changed on the way:", () => {
  it.each(numbers)(
    "every bit of M%i flipped; nothing happens, and with the genuine one the chat comes up",
    (number) => {
      const quick = CallWorld.make(alice, bob)
      for (const party of quick.parties) party.config = { ...party.config, primitives: remembering() }
      const { world, victim, bytes, event, finish } = heldAt(number, quick)
      const changed = Uint8Array.from(bytes)
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        changed[bit >> 3]! ^= 1 << (bit & 7)
        ignores(world, victim, event(changed), `with bit ${bit} flipped`)
        changed[bit >> 3]! ^= 1 << (bit & 7)
      }
      finish()
    },
    60_000,
  )

  it.each(numbers)(
    "M%i cut off or made longer, to every length; nothing happens, and the genuine one counts",
    (number) => {
      const { world, victim, bytes, event, finish } = heldAt(number)
      const longer = Bytes.concat(bytes, new Uint8Array(200))
      for (let length = 0; length <= longer.length; length++) {
        if (length === bytes.length) continue
        ignores(world, victim, event(longer.slice(0, length)), `of ${length} bytes`)
        if (length < bytes.length)
          ignores(world, victim, event(bytes.slice(bytes.length - length)), `of ${length} bytes`)
      }
      finish()
    },
  )
})

describe("replay:", () => {
  it.each(numbers)("M%i again, at each later moment of the call; it is ignored", (number) => {
    const { world, a, b, callId, victim, held, event, bytes } = heldAt(number)
    world.serve(held)
    const again = () => {
      const before = victim.told.length
      const sent = world.lines.length
      const [state, actions] = Calls.step(victim.config, victim.state, event(bytes), world.clock)
      assert.deepStrictEqual([state, actions], [victim.state, []])
      assert.deepStrictEqual([victim.told.length, world.lines.length], [before, sent])
    }
    again()
    for (let sent = world.queue.shift(); sent !== undefined; sent = world.queue.shift()) {
      world.serve(sent)
      again()
    }
    if (CallState.find(b.state, callId)?._tag === "Ringing") world.tell(b, { _tag: "Accept", callId })
    world.run()
    again()
    assert.include(story(a), "Start")
    world.wait(200_000)
    again()
    world.tell(victim, { _tag: "Cancel", callId })
    again()
  })

  it.each(numbers)(
    "M%i of an earlier call between the same two, in a new one; the new call takes only its own",
    (number) => {
      const earlier = heldAt(number)
      const { world, victim, finish, callId } = heldAt(number)
      // Their programs have started anew: they draw other random bytes, and remember no calls.
      const fresh = heldAt(number, worldThatDrew(100))
      assert.notDeepEqual(fresh.bytes, earlier.bytes)
      if (number === 1) {
        // As a call of its own it would be read, and answered; under the callId of this one it is nothing.
        ignores(fresh.world, fresh.victim, message(1, fresh.callId, earlier.bytes))
      } else ignores(fresh.world, fresh.victim, message(number, fresh.callId, earlier.bytes))
      fresh.finish()
      ignores(world, victim, message(number, callId, fresh.bytes))
      finish()
    },
  )

  it("a whole call of yesterday, to a program that has started anew; it is answered, and does not ring", () => {
    const yesterday = heldAt(4)
    const m1 = yesterday.world.lines.find(({ line }) => line._tag === "Chat")!.line as CallWorld.LineOf<"Chat">
    const m3 = yesterday.world.lines.findLast(({ from, line }) => from === yesterday.a && line._tag === "Pass")!
      .line as CallWorld.LineOf<"Pass">
    const world = worldThatDrew(100)
    const [, b] = world.parties
    const actions = world.incoming(b, { callId: m1.callId, m1: m1.m1, callerHash: hashOf(alice) })
    assert.strictEqual(actions.length, 1, "M2, which nobody can use")
    ignores(world, b, { _tag: "Passed", callId: m3.callId, data: m3.data })
    world.wait(CallState.handshakeMillis)
    assert.deepStrictEqual(story(b), [])
  })

  it("an old call of the one who is being called; ours may be lost by it, but no chat is made of it", () => {
    for (const [caller, callee] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      const old = CallWorld.make(callee, caller)
      old.dial(old.parties[0], byName(caller))
      const { line } = old.until("Chat")
      const world = CallWorld.make(caller, callee)
      const [c] = world.parties
      world.dial(c, byName(callee))
      world.until("Chat")
      world.incoming(c, { callId: line.callId, m1: line.m1, callerHash: hashOf(callee) })
      world.wait(CallState.handshakeMillis)
      assert.strictEqual(story(c).at(-1), "CallFailed No_answer")
      assert.notInclude(story(c), "Established")
    }
  })
})

/** A world in which other random bytes are drawn. */
const worldThatDrew = (dials: number) => {
  const world = CallWorld.make(alice, bob)
  for (let i = 0; i < dials; i++) world.dial(world.parties[0], byName(alice))
  for (const party of world.parties) party.told.length = 0
  return world
}

describe("reflection:", () => {
  it("M1 back to the caller, as a call of anyone's; it is not answered, and the call goes on", () => {
    const { world, a, callId, bytes, finish } = heldAt(1)
    const entropy = calleeEntropy()
    for (const callerHash of [hashOf(alice), hashOf(bob)]) {
      ignores(world, a, { _tag: "Incoming", callId, callerHash, m1: bytes, entropy })
    }
    const other = CallWorld.someCallId("another")
    ignores(world, a, { _tag: "Incoming", callId: other, callerHash: hashOf(bob), m1: bytes, entropy })
    const [, declined] = Calls.step(
      a.config,
      a.state,
      { _tag: "Incoming", callId: other, callerHash: hashOf(alice), m1: bytes, entropy },
      world.clock,
    )
    assert.deepStrictEqual(declined, [CallState.end(other, "Declined")])
    ignores(world, a, { _tag: "Passed", callId, data: bytes })
    finish()
  })

  it.each([2, 3, 4] as const)("M%i back to its sender; it is ignored, and the call goes on", (number) => {
    const { world, a, b, victim, event, bytes, finish } = heldAt(number)
    ignores(world, victim === a ? b : a, event(bytes))
    finish()
  })
})

describe("one person taken for another:", () => {
  it("the server swaps the key of a contact; refused as Key_changed, and nothing is sent to the false one", () => {
    const impostor = { ...mallory, name: bob.name }
    const world = CallWorld.make(alice, impostor)
    const [a] = world.parties
    a.config = { ...a.config, pinned: () => bob.identity.id }
    world.dial(a, byName(bob))
    world.run()
    assert.deepStrictEqual(story(a), ["CallFailed Key_changed"])
    assert.deepStrictEqual(
      world.lines.map(({ line }) => line._tag),
      ["LookUp"],
    )
  })

  it("the server swaps both keys of two who don't know each other; the chat comes up, and both can hear the difference", () => {
    const left = CallWorld.make(alice, { ...mallory, name: bob.name })
    const right = CallWorld.make({ ...mallory, name: alice.name }, bob)
    for (const world of [left, right]) {
      const [caller, callee] = world.parties
      callee.config = { ...callee.config, admits: () => "Accept" }
      world.dial(caller, byName(bob))
      world.run()
    }
    const alices = CallWorld.keysOf(left.parties[0])
    const bobs = CallWorld.keysOf(right.parties[1])
    assert.notDeepEqual(alices.h, bobs.h)
    assert.notDeepEqual(alices.sas, bobs.sas)
    assert.strictEqual(alices.peer.id, mallory.identity.id)
    assert.strictEqual(bobs.peer.id, mallory.identity.id)
  })

  it("the server only passes on, under swapped names; whoever was not dialled declines", () => {
    // Asked for carol it shows bob's certificate, and hands bob the call.
    const world = CallWorld.make(alice, bob)
    const [a, b] = world.parties
    world.dial(a, byName(mallory))
    const { callId } = world.until("LookUp").line
    world.tell(a, { _tag: "Found", callId, name: mallory.name, certificate: bob.identity.certificate.encoded })
    const { line } = world.until("Chat")
    const actions = world.incoming(b, { callId: line.callId, m1: line.m1, callerHash: hashOf(alice) })
    assert.deepStrictEqual(actions, [CallState.end(line.callId, "Declined")])
  })

  it("the call of one is said to be another's; it does not open", () => {
    const { world, b, callId, bytes, finish } = heldAt(1)
    for (const hash of [hashOf(mallory), bytesOf("nobody", 32), new Uint8Array(32)]) {
      ignores(world, b, { _tag: "Incoming", callId, callerHash: hash, m1: bytes, entropy: calleeEntropy() })
    }
    finish()
  })

  it("a call under another callId, or for somebody else; it does not open", () => {
    const { m1 } = initiate()
    assert.strictEqual(refusalOf(m1), "counts")
    assert.strictEqual(refusalOf(m1, { callId: CallWorld.someCallId("another") }), "NotOpened")
    assert.strictEqual(refusalOf(m1, { self: mallory }), "NotOpened")
  })

  it("the certificate of another in one's own call; the static key is not its", () => {
    const stolen = { ...mallory.identity, id: alice.identity.id, certificate: alice.identity.certificate }
    assert.strictEqual(refusalOf(initiate({ self: { ...alice, identity: stolen } }).m1), "Misbound")
  })

  it("one's own certificate for the static key of another; the secret is missing", () => {
    const certificate = Certificate.make(primitives, { ...alice.identity.certificate, seed: mallory.identity.seed })
    const self = { ...mallory, identity: { ...mallory.identity, certificate } }
    assert.strictEqual(refusalOf(initiate({ self }).m1, { callerHash: hashOf(mallory) }), "Misbound")
  })

  it("one's own certificate in a call that is said to be another's; the hash is not its", () => {
    const self = { ...mallory, identity: { ...mallory.identity, id: alice.identity.id } }
    assert.strictEqual(refusalOf(initiate({ self }).m1), "Misbound")
  })

  it("whoever was dialled by name answers under another, which may be somebody else's; it is ignored", () => {
    const { state, m1 } = initiate()
    const caller = Result.getOrThrow(read(m1))
    const liar = CallHandshake.answer(
      primitives,
      { ...caller, self: { ...bob, name: mallory.name } },
      undefined,
      calleeEntropy(),
    )
    assert.isUndefined(CallHandshake.readM2(primitives, state, liar!.m2, judgement))
    const byTheirId = initiate({ dialled: byId(bob) })
    assert.isDefined(CallHandshake.readM2(primitives, byTheirId.state, answer(byTheirId.m1).m2, judgement))
    assert.isDefined(CallHandshake.readM2(primitives, state, answer(m1).m2, judgement))
  })

  it("the callee answers with another's certificate, or with another key than was called; it is ignored", () => {
    const { state, m1 } = initiate()
    const others: ReadonlyArray<Certificate.Certificate> = [
      mallory.identity.certificate,
      Certificate.make(primitives, { ...mallory.identity.certificate, seed: bob.identity.seed }),
      Certificate.make(primitives, { ...bob.identity.certificate, seed: mallory.identity.seed }),
    ]
    for (const certificate of others) {
      const { m2 } = answer(m1, { self: { ...bob, identity: { ...bob.identity, certificate } } })
      assert.isUndefined(CallHandshake.readM2(primitives, state, m2, judgement))
    }
    assert.isDefined(CallHandshake.readM2(primitives, state, answer(m1).m2, judgement))
  })

  it("somebody else answers, who has seen all that was sent; the answer does not open", () => {
    const { state, m1 } = initiate()
    const forged = initiate({ self: alice, callee: mallory.identity.certificate, dialled: byName(mallory) })
    const theirs = answer(forged.m1, { self: mallory })
    assert.isUndefined(CallHandshake.readM2(primitives, state, theirs.m2, judgement))
    assert.isDefined(CallHandshake.readM2(primitives, state, answer(m1).m2, judgement))
  })

  it("the server has oneself call oneself; there is no call", () => {
    const world = CallWorld.make(alice, bob)
    const [a] = world.parties
    world.dial(a, byName(bob))
    const { callId } = world.until("LookUp").line
    world.tell(a, { _tag: "Found", callId, name: bob.name, certificate: alice.identity.certificate.encoded })
    assert.deepStrictEqual(story(a), ["CallFailed Self_call"])
    assert.deepStrictEqual(world.queue, [])
  })
})

/** The points of small order, and the two that are equal to such a one modulo p (little-endian u). */
const lowOrder = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map((hex) => Uint8Array.from(hex.match(/../g)!, (byte) => Number.parseInt(byte, 16)))

/** Primitives of one who says that this is the public key of a secret, and knows what comes of it. */
const pretending = (
  secret: Uint8Array,
  publicKey: Uint8Array,
  shared: (other: Uint8Array) => Uint8Array | undefined,
): Primitives => ({
  ...primitives,
  x25519: {
    publicKey: (own) => (Bytes.equals(own, secret) ? publicKey : primitives.x25519.publicKey(own)),
    sharedSecret: (own, other) =>
      Bytes.equals(own, secret) ? shared(other) : primitives.x25519.sharedSecret(own, other),
  },
})

const zeros = new Uint8Array(32)

describe("keys that are none:", () => {
  it("points of low order as the caller's ephemeral key; M1 does not open", () => {
    for (const point of lowOrder) {
      const evil = pretending(callerEntropy().ephemeral, point, () => zeros)
      const started = CallHandshake.initiate(evil, {
        self: alice,
        callee: bob.identity.certificate,
        dialled: byName(bob),
        entropy: callerEntropy(),
      })!
      assert.deepStrictEqual(started.m1.slice(0, 32), point)
      assert.strictEqual(refusalOf(started.m1), "NotOpened")
    }
  })

  it("points of low order as the caller's static key, rightly certified; M1 does not open", () => {
    for (const point of lowOrder) {
      const secret = bytesOf("evil", 32)
      const certificate = Certificate.make(primitives, {
        ...mallory.identity.certificate,
        seed: mallory.identity.seed,
        staticKey: point,
      })
      const evil = pretending(secret, point, () => zeros)
      const started = CallHandshake.initiate(evil, {
        self: { ...mallory, identity: { ...mallory.identity, staticSecret: secret, certificate } },
        callee: bob.identity.certificate,
        dialled: byName(bob),
        entropy: callerEntropy(),
      })!
      assert.strictEqual(refusalOf(started.m1, { callerHash: hashOf(mallory) }), "NotOpened")
    }
  })

  it("points of low order as the callee's static key, rightly certified; nobody calls it", () => {
    for (const staticKey of lowOrder) {
      const certificate = Certificate.make(primitives, {
        ...mallory.identity.certificate,
        seed: mallory.identity.seed,
        staticKey,
      })
      const world = CallWorld.make(alice, { ...mallory, identity: { ...mallory.identity, certificate } })
      const [a] = world.parties
      world.dial(a, byName(mallory))
      world.run()
      assert.deepStrictEqual(story(a), ["CallFailed Certificate_invalid"])
      assert.strictEqual(world.lines.length, 1)
    }
  })

  it("points of low order as the callee's ephemeral key; M2 does not open", () => {
    const { state, m1 } = initiate()
    for (const point of lowOrder) {
      const evil = pretending(calleeEntropy().ephemeral, point, () => zeros)
      const caller = CallHandshake.readM1(
        evil,
        { ...judgement, self: bob, callId: state.callId, callerHash: hashOf(alice) },
        m1,
      )
      assert(caller._tag === "Success")
      const answered = CallHandshake.answer(evil, caller.success, undefined, calleeEntropy())!
      assert.deepStrictEqual(answered.m2.slice(0, 32), point)
      assert.isUndefined(CallHandshake.readM2(primitives, state, answered.m2, judgement))
    }
  })

  it("an ML-KEM key whose numbers are not below the modulus; it is declined, and there is no M2", () => {
    const good = primitives.mlKem768.publicKey(callerEntropy().kemSeed)
    // 3,329 and 4,095, in twelve bits each, at the first place, in the middle and at the last.
    const wrong = [0, 576, 1149].flatMap((at) =>
      [
        [0x01, 0x0d],
        [0xff, 0x0f],
      ].map(([low, high]) => good.with(at, low!).with(at + 1, (good[at + 1]! & 0xf0) | high!)),
    )
    for (const publicKey of wrong) {
      const evil: Primitives = { ...primitives, mlKem768: { ...primitives.mlKem768, publicKey: () => publicKey } }
      const options = { self: alice, callee: bob.identity.certificate, dialled: byName(bob), entropy: callerEntropy() }
      const { state, m1 } = CallHandshake.initiate(evil, options)!
      const world = CallWorld.make(alice, bob)
      const [, b] = world.parties
      assert.deepStrictEqual(world.incoming(b, { callId: state.callId, m1, callerHash: hashOf(alice) }), [
        CallState.end(state.callId, "Declined"),
      ])
    }
  })

  it("an ML-KEM ciphertext that was changed by the callee itself; what follows does not open, and nothing rings", () => {
    for (const at of [0, 500, 1087]) {
      const evil: Primitives = {
        ...primitives,
        mlKem768: {
          ...primitives.mlKem768,
          encapsulate: (publicKey, entropy) => {
            const honest = primitives.mlKem768.encapsulate(publicKey, entropy)!
            return { ...honest, ciphertext: honest.ciphertext.with(at, honest.ciphertext[at]! ^ 1) }
          },
        },
      }
      const world = CallWorld.make(alice, bob)
      const [a, b] = world.parties
      b.config = { ...b.config, primitives: evil }
      world.dial(a, byName(bob))
      world.run()
      assert.deepStrictEqual(story(b), [])
      assert.deepStrictEqual(story(a), [])
    }
  })
})

/** A message of the handshake with a payload of the attacker's choice, made with all the keys there are. */
const crafted = (payload: (honest: Uint8Array) => Uint8Array) => {
  const { m1, state } = initiate()
  const { identity } = alice
  const noise = HandshakeState.initialize({
    primitives,
    pattern: "IKpsk2",
    initiator: true,
    prologue: Bytes.concat(Bytes.ofText("nomitm/1"), state.callId, hashOf(alice), hashOf(bob)),
    s: identity.staticSecret,
    rs: bob.identity.certificate.staticKey,
    psks: [zeros],
  })
  const reader = HandshakeState.initialize({
    primitives,
    pattern: "IKpsk2",
    initiator: false,
    prologue: Bytes.concat(Bytes.ofText("nomitm/1"), state.callId, hashOf(alice), hashOf(bob)),
    s: bob.identity.staticSecret,
    psks: [zeros],
  })
  const honest = HandshakeState.read(reader, m1)!.payload
  return HandshakeState.write(noise, payload(honest), callerEntropy().ephemeral)!.message
}

describe("downgrade:", () => {
  it("another version; it is refused, and there is no other version to fall back to", () => {
    assert.strictEqual(refusalOf(crafted((honest) => honest)), "counts")
    for (const version of [0, 2, 255]) {
      assert.strictEqual(refusalOf(crafted((honest) => honest.with(0, version))), "Malformed")
    }
  })

  it("the ML-KEM key left out, with the length kept or not; it is refused", () => {
    const without = (honest: Uint8Array) => Bytes.concat(honest.slice(0, 145), honest.slice(145 + 1184))
    assert.strictEqual(refusalOf(crafted(without)), "NotOpened")
    assert.strictEqual(refusalOf(crafted((honest) => Bytes.concat(without(honest), new Uint8Array(1184)))), "Malformed")
  })

  it("the ML-KEM ciphertext left out of M2; it is ignored", () => {
    const evil: Primitives = {
      ...primitives,
      mlKem768: {
        ...primitives.mlKem768,
        encapsulate: () => ({ ciphertext: new Uint8Array(0), sharedSecret: new Uint8Array(0) }),
      },
    }
    const world = CallWorld.make(alice, bob)
    const [a, b] = world.parties
    b.config = { ...b.config, primitives: evil }
    const callId = world.dial(a, byName(bob))
    world.run()
    assert.strictEqual(CallState.find(a.state, callId)?._tag, "Calling")
    assert.deepStrictEqual(story(a), [])
  })

  it("the version in the prologue is another; nothing opens", () => {
    const { m1 } = initiate()
    const reader = HandshakeState.initialize({
      primitives,
      pattern: "IKpsk2",
      initiator: false,
      prologue: Bytes.concat(Bytes.ofText("nomitm/2"), callerEntropy().callId, hashOf(alice), hashOf(bob)),
      s: bob.identity.staticSecret,
    })
    assert.isUndefined(HandshakeState.read(reader, m1))
  })
})

describe("who has stolen bob's static key", () => {
  /** Knows everything but alice's secrets: what needs them is guessed. */
  const thief = (
    guess: (other: Uint8Array) => Uint8Array,
  ): { readonly self: CallHandshake.Self; readonly crypto: Primitives } => {
    const secret = bytesOf("not alice's", 32)
    return {
      self: { ...alice, identity: { ...alice.identity, seed: zeros, staticSecret: secret } },
      crypto: pretending(secret, alice.identity.certificate.staticKey, (other) =>
        Bytes.equals(other, bob.identity.certificate.staticKey)
          ? primitives.x25519.sharedSecret(bob.identity.staticSecret, alice.identity.certificate.staticKey)
          : guess(other),
      ),
    }
  }

  it("calls bob as alice: M1 opens, but the thief can't go on, and it does not ring", () => {
    const guesses: ReadonlyArray<(other: Uint8Array) => Uint8Array> = [
      () => zeros,
      () => bytesOf("guess", 32),
      (other) => primitives.x25519.sharedSecret(bob.identity.staticSecret, other)!,
    ]
    for (const guess of guesses) {
      const { self, crypto } = thief(guess)
      const world = CallWorld.make(alice, bob)
      const [, b] = world.parties
      const started = CallHandshake.initiate(crypto, {
        self,
        callee: bob.identity.certificate,
        dialled: byName(bob),
        entropy: callerEntropy(),
      })!
      const { callId } = started.state
      world.incoming(b, { callId, m1: started.m1, callerHash: hashOf(alice) })
      const { line: m2 } = world.until("Pass")
      assert.isUndefined(CallHandshake.readM2(crypto, started.state, m2.data, judgement))
      // Even with keys of its own making: M3 is sealed with what only the two of them have.
      for (const key of [zeros, bytesOf("key", 32)]) {
        const channel = LinkChannel.make({ callId, link: { send: key, receive: key } })
        const m3 = LinkChannel.seal(primitives, channel, LinkChannel.confirm)!.data
        ignores(world, b, { _tag: "Passed", callId, data: m3 })
      }
      world.wait(CallState.handshakeMillis)
      assert.deepStrictEqual(story(b), [])
    }
  })

  it("calls bob as alice while bob calls alice: bob's call may be lost, but there is no chat with the thief", () => {
    const { self, crypto } = thief(() => zeros)
    const world = CallWorld.make(alice, bob)
    const [, b] = world.parties
    world.dial(b, byName(alice))
    world.until("Chat")
    const started = CallHandshake.initiate(crypto, {
      self,
      callee: bob.identity.certificate,
      dialled: byName(bob),
      entropy: callerEntropy(),
    })!
    world.incoming(b, { callId: started.state.callId, m1: started.m1, callerHash: hashOf(alice) })
    world.wait(CallState.handshakeMillis)
    assert.strictEqual(story(b).at(-1), "CallFailed No_answer")
    assert.notInclude(story(b), "Established")
  })
})

describe("both call each other, and the server", () => {
  const orders: ReadonlyArray<readonly [string, (chats: Array<CallWorld.Sent>) => ReadonlyArray<CallWorld.Sent>]> = [
    ["delivers in order", (chats) => chats],
    ["delivers in the other order", (chats) => chats.toReversed()],
    ["delivers everything twice", (chats) => [...chats, ...chats]],
    ["drops the call of the first", (chats) => chats.slice(1)],
    ["drops the call of the second", (chats) => chats.slice(0, 1)],
  ]

  it.each(orders)("%s; there is one chat with the same roles on both sides, or none", (what, order) => {
    for (const people of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      const world = CallWorld.make(...people)
      const [a, b] = world.parties
      world.dial(a, byName(b.self))
      world.dial(b, byName(a.self))
      world.serve(world.until("LookUp"))
      world.serve(world.until("LookUp"))
      for (const chat of order([world.until("Chat"), world.until("Chat")])) world.serve(chat)
      world.run()
      world.wait(200_000)
      assert.strictEqual(told(a, "Start").length, told(b, "Start").length)
      const starts = [...told(a, "Established"), ...told(b, "Established")]
      if (!what.startsWith("drops")) assert.strictEqual(starts.length, 2)
      if (starts.length === 2) {
        assert.deepStrictEqual(starts[0]!.keys.h, starts[1]!.keys.h)
        assert.notStrictEqual(starts[0]!.keys.isInitiator, starts[1]!.keys.isInitiator)
        const called = starts.find(({ keys }) => keys.isInitiator)!.keys.peer.id
        assert.isBelow(PersonId.compare(called === alice.identity.id ? bob.identity.id : alice.identity.id, called), 0)
      } else {
        assert.strictEqual(starts.length, 0)
        for (const party of [a, b]) assert.include(story(party).join(), "CallFailed")
      }
    }
  })
})

describe("an invitation:", () => {
  const secret = bytesOf("secret of the link", 16)
  const link: Invitation.Invitation = {
    host: "chat.example",
    port: 6969,
    serverKey: undefined,
    id: bob.identity.id,
    secret,
    expiry: now + day,
  }
  const inviteId = Invitation.inviteId(primitives, secret)
  const psk = Invitation.psk(primitives, secret)

  /** Bob, who lets only guests in, with a store of invitations. */
  const host = (...selves: ReadonlyArray<CallHandshake.Self>) => {
    const world = CallWorld.make(bob, ...selves)
    const [b, ...guests] = world.parties
    const used = new Set<string>()
    b.config = {
      ...b.config,
      admits: ({ invited }) => (invited ? "Ring" : "Refuse"),
      pskOf: (id) => (Bytes.equals(id, inviteId) && !used.has(String(id)) ? psk : undefined),
    }
    /** What the store answers to one request. */
    const store = (request: CallWorld.ActionOf<"UseUpInvitation">) => {
      const key = String(request.inviteId)
      const ok = !used.has(key)
      used.add(key)
      world.tell(b, { _tag: "InvitationUsed", callId: request.callId, ok })
    }
    const dial = (guest: CallWorld.Party, invitation = link) => {
      const callId = world.dial(guest, byId(bob), { invitation })
      world.run()
      return callId
    }
    return { world, b, guests, store, dial }
  }

  it("used a second time, by another or the same; there is no M2, and it does not ring", () => {
    const { world, b, guests, store, dial } = host(alice, mallory)
    const first = dial(guests[0]!)
    store(told(b, "UseUpInvitation")[0]!)
    world.tell(b, { _tag: "Accept", callId: first })
    world.run()
    assert.include(story(guests[0]!), "Start")
    for (const guest of [guests[1]!, guests[0]!]) {
      const before = world.lines.filter(({ from }) => from === b).length
      dial(guest)
      assert.strictEqual(story(guest).at(-1), "CallFailed Declined")
      const sent = world.lines.filter(({ from }) => from === b).slice(before)
      assert.deepStrictEqual(
        sent.map(({ line }) => line._tag),
        ["End"],
      )
    }
    assert.strictEqual(told(b, "Ring").length, 1)
  })

  it("raced by two who both have the link; it rings for one", () => {
    const { world, b, guests, store, dial } = host(alice, mallory)
    for (const guest of guests) dial(guest)
    const requests = told(b, "UseUpInvitation")
    assert.strictEqual(requests.length, 2, "both have proven to hold the link")
    assert.strictEqual(told(b, "Ring").length, 0, "and nothing rings before it is noted")
    for (const request of requests.toReversed()) store(request)
    world.run()
    assert.deepStrictEqual(
      told(b, "Ring").map(({ peer }) => peer.id),
      [mallory.identity.id],
    )
    assert.deepStrictEqual(story(guests[0]!), ["CallFailed Declined"])
  })

  it("expired or unknown; there is no M2", () => {
    const { world, b, guests, dial } = host(alice)
    b.config = { ...b.config, pskOf: () => undefined, admits: () => assert.fail("nobody is asked about it") }
    dial(guests[0]!)
    assert.deepStrictEqual(story(guests[0]!), ["CallFailed Declined"])
    assert.deepStrictEqual(
      world.lines.filter(({ from }) => from === b).map(({ line }) => line._tag),
      ["End"],
    )
    dial(guests[0]!, { ...link, expiry: now })
    assert.strictEqual(story(guests[0]!).at(-1), "CallFailed Invitation_invalid")
  })

  it("named by who knows its id and not its secret; M2 is of no use, and it is not used up", () => {
    const { world, b } = host(alice)
    for (const guess of [zeros, inviteId.slice(), bytesOf("guess", 32)]) {
      const entropy = callerEntropy(`guess ${guess[0]}`)
      const invitation = { inviteId, psk: Bytes.concat(guess, zeros).slice(0, 32) }
      const { state, m1 } = initiate({ dialled: byId(bob), invitation, entropy })
      world.incoming(b, { callId: state.callId, m1, callerHash: hashOf(alice) })
      const { line } = world.until("Pass")
      assert.isUndefined(CallHandshake.readM2(primitives, state, line.data, judgement))
    }
    world.wait(CallState.handshakeMillis)
    assert.deepStrictEqual(story(b), [])
  })

  it("of which nobody has the secret: zeros never stand in for it, on either side", () => {
    const caller = read(initiate({ invitation: { inviteId, psk }, dialled: byId(bob) }).m1)
    assert(caller._tag === "Success")
    for (const missing of [undefined, zeros]) {
      assert.isUndefined(CallHandshake.answer(primitives, caller.success, missing, calleeEntropy()))
    }
    const stranger = read(initiate().m1)
    assert(stranger._tag === "Success")
    assert.isUndefined(CallHandshake.answer(primitives, stranger.success, psk, calleeEntropy()))
    // One who answers with zeros all the same is not the inviter.
    const { state, m1 } = initiate({ invitation: { inviteId, psk }, dialled: byId(bob) })
    const read1 = read(m1)
    assert(read1._tag === "Success")
    const forged = CallHandshake.answer(
      primitives,
      { ...read1.success, inviteId: undefined },
      undefined,
      calleeEntropy(),
    )!
    assert.isUndefined(CallHandshake.readM2(primitives, state, forged.m2, judgement))
  })

  it("of bob's, at a server that shows mallory's certificate; the call is refused", () => {
    const world = CallWorld.make(alice, mallory)
    const [a] = world.parties
    world.dial(a, byId(bob), { invitation: link })
    const { callId } = world.until("LookUp").line
    world.tell(a, { _tag: "Found", callId, name: bob.name, certificate: mallory.identity.certificate.encoded })
    assert.deepStrictEqual(story(a), ["CallFailed Key_changed"])
    assert.deepStrictEqual(world.queue, [])
  })
})

describe("certificates:", () => {
  const older = Identity.fromSeed(primitives, bob.identity.seed, { serial: now - 90 * day, now })

  it("an older one than was seen before, of the one who is called; refused as a rollback", () => {
    const world = CallWorld.make(alice, { ...bob, identity: older })
    const [a] = world.parties
    a.config = { ...a.config, highestSerial: () => bob.identity.certificate.serial }
    world.dial(a, byName(bob))
    world.run()
    assert.deepStrictEqual(story(a), ["CallFailed Certificate_rollback"])
    assert.strictEqual(world.lines.length, 1)
  })

  it("an older one, of one who calls; turned away, and the person is told", () => {
    const world = CallWorld.make({ ...bob, identity: older }, alice)
    const [b, a] = world.parties
    a.config = { ...a.config, highestSerial: () => bob.identity.certificate.serial }
    world.dial(b, byName(alice))
    world.run()
    assert.deepStrictEqual(story(a), ["Refused Certificate_rollback"])
    assert.deepStrictEqual(story(b), ["CallFailed Declined"])
  })

  it.each([
    ["expired", now - 366 * day],
    ["of the day after tomorrow", now + 2 * day],
  ] as const)("one that is %s, of the callee and of the caller; refused", (_, serial) => {
    const odd = person("bob", serial)
    const world = CallWorld.make(alice, odd)
    const [a, b] = world.parties
    world.dial(a, byName(bob))
    world.run()
    assert.deepStrictEqual(story(a), ["CallFailed Certificate_invalid"])
    world.dial(b, byName(alice))
    world.run()
    assert.deepStrictEqual(story(b), ["CallFailed Declined"])
    assert.strictEqual(told(a, "Ring").length, 0)
  })

  it("one with any bit of it changed, at the server; refused before anybody is called", () => {
    const { encoded } = bob.identity.certificate
    for (let bit = 0; bit < encoded.length * 8; bit += 7) {
      const world = CallWorld.make(alice, bob)
      const [a] = world.parties
      world.dial(a, byName(bob))
      const { callId } = world.until("LookUp").line
      const changed = encoded.with(bit >> 3, encoded[bit >> 3]! ^ (1 << (bit & 7)))
      world.tell(a, { _tag: "Found", callId, name: bob.name, certificate: changed })
      assert.deepStrictEqual(story(a), ["CallFailed Certificate_invalid"])
      assert.deepStrictEqual(world.queue, [])
    }
  })
})

describe("floods:", () => {
  it("a thousand calls that never go on; nothing rings, and eight places are held for seconds", () => {
    const world = CallWorld.make(alice, bob)
    const [, b] = world.parties
    for (let i = 0; i < 1000; i++) {
      const callId = CallWorld.someCallId(`flood ${i}`)
      if (i >= 10) {
        world.incoming(b, { callId, m1: new Uint8Array(1800), callerHash: hashOf(alice) })
        continue
      }
      const { m1 } = initiate({ entropy: { ...callerEntropy(), callId } })
      world.incoming(b, { callId, m1, callerHash: hashOf(alice) })
    }
    assert.strictEqual(b.state.calls.size, 8)
    assert.isAtMost(b.state.over.length, 64)
    world.wait(CallState.handshakeMillis)
    assert.strictEqual(b.state.calls.size, 0)
    assert.deepStrictEqual(story(b), [])
  })

  it("ten thousand messages of no call; nothing is kept", () => {
    const { world, b, callId } = heldAt(3)
    const before = b.state
    for (let i = 0; i < 10_000; i++) {
      const other = new Uint8Array(16)
      new DataView(other.buffer).setUint32(0, i)
      world.tell(b, { _tag: "Passed", callId: other, data: new Uint8Array(80) })
      world.tell(b, { _tag: "Ended", callId: other, code: "Cancelled" })
      world.tell(b, { _tag: "Passed", callId, data: other })
    }
    assert.strictEqual(b.state, before)
  })
})

describe("out of turn:", () => {
  const other = { type: LinkChannel.candidates, body: new Uint8Array(0) }

  it("a caller that says anything but M3 first; it does not ring", () => {
    const { world, b, callId } = heldAt(3)
    const { keys } = CallState.find(b.state, callId) as CallState.Called
    const caller = LinkChannel.make({ callId, link: { send: keys.link.receive, receive: keys.link.send } })
    for (const message of [other, LinkChannel.accept, { ...LinkChannel.confirm, body: new Uint8Array(1) }]) {
      const { data } = LinkChannel.seal(primitives, caller, message)!
      ignores(world, b, { _tag: "Passed", callId, data })
    }
  })

  it("a callee that says anything but M4 first; no port is tried, and no chat begun", () => {
    const { world, a, callId } = heldAt(4)
    const { keys } = CallState.find(a.state, callId) as CallState.Confirming
    const callee = LinkChannel.make({ callId, link: { send: keys.link.receive, receive: keys.link.send } })
    for (const message of [other, LinkChannel.confirm, { ...LinkChannel.accept, body: new Uint8Array(1) }]) {
      const { data } = LinkChannel.seal(primitives, callee, message)!
      ignores(world, a, { _tag: "Passed", callId, data })
    }
    ignores(world, a, { _tag: "AskedPort", callId, port: 55_000 })
    ignores(world, a, { _tag: "StartChat", callId, endpoint: { address: "192.0.2.1", port: 55_000 } })
  })

  it("M4 before M3, and M3 before M2; there is no key yet that it could be sealed with", () => {
    const { world, a, b, callId, held } = heldAt(2)
    for (const party of [a, b]) ignores(world, party, { _tag: "Passed", callId, data: new Uint8Array(80) })
    world.serve(held)
    world.run()
    assert.deepStrictEqual(story(b), ["Ring"])
  })
})

it("two calls at once have nothing in common", () => {
  const one = handshake().alices
  const other = handshake({ entropy: callerEntropy("other") })
  const m3 = LinkChannel.seal(primitives, LinkChannel.make(one), LinkChannel.confirm)!.data
  assert.isUndefined(LinkChannel.open(primitives, LinkChannel.make(other.bobs), m3))
})
