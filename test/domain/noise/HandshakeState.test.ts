import { assert, describe, it } from "@effect/vitest"
import * as CipherState from "../../../src/domain/noise/CipherState.ts"
import * as HandshakeState from "../../../src/domain/noise/HandshakeState.ts"
import type * as Pattern from "../../../src/domain/noise/Pattern.ts"
import * as arbitraries from "../arbitraries.ts"
import * as hex from "../crypto/hex.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"
import { agree, names, pair, play, prologue, psk, secrets, type Step } from "./handshakes.ts"

const none = new Uint8Array(0)
const publicKeys = {
  initiator: primitives.x25519.publicKey(secrets.initiator.s),
  responder: primitives.x25519.publicKey(secrets.responder.s),
}

/** All that a state is, but for the primitives. */
const written = (state: HandshakeState.HandshakeState): string =>
  JSON.stringify(state, (key, value: unknown) =>
    key === "primitives" ? undefined : value instanceof Uint8Array ? hex.text(value) : value,
  )

const flip = (message: Uint8Array, bit: number): Uint8Array => {
  const changed = Uint8Array.from(message)
  changed[bit >> 3]! ^= 1 << (bit & 7)
  return changed
}

/** The rest of the handshake, with this message in the place of the step's own: whether both come to agree. */
const completesWith = (step: Step, message: Uint8Array): boolean => {
  let reader = HandshakeState.read(step.reader, message)?.state
  let writer = reader && HandshakeState.write(step.writer, step.payload, step.ephemeral)?.state
  while (writer !== undefined && reader !== undefined && !HandshakeState.isComplete(reader)) {
    const next = HandshakeState.write(reader, none, secrets[reader.initiator ? "initiator" : "responder"].e)
    const read: HandshakeState.HandshakeState | undefined = next && HandshakeState.read(writer, next.message)?.state
    reader = read
    writer = next?.state
  }
  return writer !== undefined && reader !== undefined && agree(writer, reader)
}

describe("a handshake", () => {
  it.each(names)("%s: both come to the same keys, and know each other's", (name) => {
    const { initiator, responder } = play(...pair(name))
    assert.isTrue(agree(initiator, responder))
    const letters = name.replaceAll("1", "")
    if (letters[1] !== "N") assert.deepStrictEqual(initiator.remoteStatic, publicKeys.responder)
    if (letters[0] !== "N") assert.deepStrictEqual(responder.remoteStatic, publicKeys.initiator)
    else assert.isUndefined(responder.remoteStatic)
    const [a, b] = [HandshakeState.split(initiator)!, HandshakeState.split(responder)!]
    assert.deepStrictEqual([a.send, a.receive], [b.receive, b.send])
    assert.notDeepEqual(a.send.key, a.receive.key)
    const sealed = CipherState.encrypt(primitives, a.send, none, bytesOf("hello", 5))!
    assert.deepStrictEqual(
      CipherState.decrypt(primitives, b.receive, none, sealed.ciphertext)?.plaintext,
      bytesOf("hello", 5),
    )
  })

  it("is of values: the same message comes of the same state, however often, and no state changes", () => {
    const { steps } = play(...pair("IKpsk2"))
    for (const { ephemeral, message, payload, reader, writer } of steps) {
      const before = [written(writer), written(reader)]
      for (let i = 0; i < 3; i++) {
        assert.deepStrictEqual(HandshakeState.write(writer, payload, ephemeral)?.message, message)
        assert.deepStrictEqual(HandshakeState.read(reader, message)?.payload, payload)
      }
      assert.deepStrictEqual([written(writer), written(reader)], before)
    }
  })

  it("whatever is different on one side (prologue, pattern, a key, a pre-shared key), it doesn't come about", () => {
    const [initiator] = pair("IKpsk2")
    const { message } = HandshakeState.write(initiator, none, secrets.initiator.e)!
    const options = { primitives, pattern: "IKpsk2", initiator: false, prologue, s: secrets.responder.s } as const
    const responder = HandshakeState.initialize(options)
    assert.isDefined(HandshakeState.read(responder, message))
    for (const other of [
      { prologue: bytesOf("another", 20) },
      { prologue: none },
      { pattern: "IK" },
      { pattern: "IKpsk1", psks: [psk] },
      { s: bytesOf("another", 32) },
    ] as const) {
      assert.isUndefined(HandshakeState.read(HandshakeState.initialize({ ...options, ...other }), message))
    }
    const read = HandshakeState.read(responder, message)!
    const answer = HandshakeState.write(
      HandshakeState.withPsks(read.state, [bytesOf("another psk", 32)]),
      none,
      secrets.responder.e,
    )!
    const waiting = HandshakeState.write(initiator, none, secrets.initiator.e)!.state
    assert.isUndefined(HandshakeState.read(waiting, answer.message))
  })

  it("the pre-shared key may be chosen by what was read; without one nothing is written or read", () => {
    const [initiator] = pair("IKpsk2")
    const first = HandshakeState.write(initiator, none, secrets.initiator.e)!
    const fresh = HandshakeState.initialize({
      primitives,
      pattern: "IKpsk2",
      initiator: false,
      prologue,
      s: secrets.responder.s,
    })
    const { state } = HandshakeState.read(fresh, first.message)!
    assert.isUndefined(HandshakeState.write(state, none, secrets.responder.e))
    const answer = HandshakeState.write(HandshakeState.withPsks(state, [psk]), none, secrets.responder.e)!
    assert.isUndefined(HandshakeState.read(HandshakeState.withPsks(first.state, []), answer.message))
    assert.isUndefined(HandshakeState.read(HandshakeState.withPsks(first.state, [new Uint8Array(32)]), answer.message))
    assert.isTrue(agree(HandshakeState.read(first.state, answer.message)!.state, answer.state))
  })

  it("nobody speaks out of turn, or on when all is said", () => {
    const { initiator, responder, steps } = play(...pair("XX"))
    for (const { message, reader, writer } of steps) {
      assert.deepStrictEqual([HandshakeState.isWriting(writer), HandshakeState.isWriting(reader)], [true, false])
      assert.isUndefined(HandshakeState.write(reader, none, secrets.responder.e))
      assert.isUndefined(HandshakeState.read(writer, message))
      assert.isUndefined(HandshakeState.split(writer))
      assert.isUndefined(HandshakeState.split(reader))
    }
    for (const state of [initiator, responder]) {
      assert.isFalse(HandshakeState.isWriting(state))
      assert.isUndefined(HandshakeState.write(state, none, secrets.initiator.e))
      assert.isUndefined(HandshakeState.read(state, steps[0]!.message))
    }
  })

  it("a message with an ephemeral key isn't written without 32 bytes for one", () => {
    const [initiator] = pair("XX")
    for (const secret of [undefined, none, new Uint8Array(31), new Uint8Array(33)]) {
      assert.isUndefined(HandshakeState.write(initiator, none, secret))
    }
  })

  it("a message has at most 65,535 bytes, keys and tags included", () => {
    for (const name of ["NN", "IKpsk2", "XX"] as const) {
      const { steps } = play(...pair(name), () => none)
      for (const { ephemeral, message, reader, writer } of steps) {
        const room = 65_535 - message.length
        const longest = HandshakeState.write(writer, new Uint8Array(room), ephemeral)
        assert.strictEqual(longest?.message.length, 65_535)
        assert.strictEqual(HandshakeState.read(reader, longest!.message)?.payload.length, room)
        assert.isUndefined(HandshakeState.write(writer, new Uint8Array(room + 1), ephemeral))
        assert.isUndefined(HandshakeState.write(writer, new Uint8Array(100_000), ephemeral))
        assert.isUndefined(HandshakeState.read(reader, new Uint8Array(65_536)))
      }
    }
  })
})

describe("a mistake in the program", () => {
  const options = { primitives, pattern: "IKpsk2", initiator: true, prologue } as const
  const s = secrets.initiator.s
  const rs = publicKeys.responder

  it.each([
    ["no such pattern", { pattern: "IKpsk9", s, rs }],
    ["no key of the other, where it must be known", { s }],
    ["a short key of the other", { s, rs: rs.slice(1) }],
    ["a short secret key", { s: s.slice(1), rs }],
    ["a short pre-shared key", { s, rs, psks: [psk.slice(1)] }],
    ["no key of one's own, where the other must know it", { pattern: "KK", rs }],
  ] as Array<[string, Partial<HandshakeState.Options>]>)("%s is told at once", (_, wrong) => {
    assert.throws(() => HandshakeState.initialize({ ...options, ...wrong }), RangeError)
  })

  it("a short pre-shared key is told also later", () => {
    assert.throws(() => HandshakeState.withPsks(pair("IKpsk2")[0], [psk.slice(1)]), RangeError)
  })
})

describe("a message that isn't genuine", () => {
  // What comes before any key is in clear: that it was changed shows in the next message at the latest.
  it("XX: with any bit changed the handshake never completes", () => {
    for (const step of play(...pair("XX"), () => bytesOf("payload", 3)).steps) {
      for (let bit = 0; bit < step.message.length * 8; bit++) {
        assert.isFalse(completesWith(step, flip(step.message, bit)), `bit ${bit}`)
      }
      assert.isTrue(completesWith(step, step.message))
    }
  })

  it("IKpsk2: with any bit changed it is refused at once, and the genuine one is read afterwards", () => {
    for (const { message, payload, reader } of play(...pair("IKpsk2")).steps) {
      const before = written(reader)
      for (let bit = 0; bit < message.length * 8; bit++) {
        assert.isUndefined(HandshakeState.read(reader, flip(message, bit)), `bit ${bit}`)
      }
      assert.strictEqual(written(reader), before)
      assert.deepStrictEqual(HandshakeState.read(reader, message)?.payload, payload)
    }
  })

  it.each([...names, ...(["NNpsk0", "XXpsk3", "Xpsk1", "XXpsk0+psk1+psk2+psk3"] as const)] as Array<Pattern.Name>)(
    "%s: with one bit changed in every tenth byte, cut short or extended, it never completes",
    (name) => {
      for (const step of play(...pair(name)).steps) {
        for (let at = 0; at < step.message.length; at += 10) {
          assert.isFalse(completesWith(step, flip(step.message, at * 8 + (at % 8))))
          assert.isFalse(completesWith(step, step.message.subarray(0, at)))
        }
        assert.isFalse(completesWith(step, step.message.subarray(0, -1)))
        assert.isFalse(completesWith(step, Uint8Array.from([...step.message, 0])))
        assert.isTrue(completesWith(step, step.message))
      }
    },
  )

  it("a message of another step, of the own side or of another run is refused", () => {
    const { steps } = play(...pair("IKpsk2"))
    const [first, second] = steps as [Step, Step]
    assert.isUndefined(HandshakeState.read(first.reader, second.message))
    assert.isUndefined(HandshakeState.read(second.reader, first.message))
    const another = HandshakeState.write(first.writer, none, bytesOf("another ephemeral", 32))!
    assert.isUndefined(HandshakeState.read(another.state, second.message))
  })

  it.prop(
    "whatever bytes are read, nothing throws, they are refused, and the genuine message is still read",
    [arbitraries.pick("IKpsk2", "XX", "KK", "NX", "I1X1"), arbitraries.bytes, arbitraries.integer(0, 200)],
    ([name, bytes, cut]) => {
      for (const step of play(...pair(name)).steps) {
        const { message, payload, reader } = step
        const before = written(reader)
        for (const forged of [
          bytes,
          Uint8Array.from([...message.subarray(0, cut), ...bytes]),
          Uint8Array.from([...bytes, ...message.subarray(cut)]),
        ]) {
          const read = HandshakeState.read(reader, forged)
          if (Buffer.compare(forged, message) !== 0 && reader.cipher.key !== undefined) assert.isUndefined(read)
          if (read !== undefined && Buffer.compare(forged, message) !== 0) assert.isFalse(completesWith(step, forged))
        }
        assert.strictEqual(written(reader), before)
        assert.deepStrictEqual(HandshakeState.read(reader, message)?.payload, payload)
      }
    },
    { arbitrary: { runs: 60, size: 60 } },
  )
})

describe("public keys of low order", () => {
  const lowOrder = ["00".repeat(32), "01".padEnd(64, "0"), `ec${"ff".repeat(30)}7f`].map(hex.bytes)

  it("as an ephemeral key: the message, or where it comes before any key the answer to it, isn't made", () => {
    for (const key of lowOrder) {
      const [initiator, responder] = pair("IKpsk2")
      const { message } = HandshakeState.write(initiator, none, secrets.initiator.e)!
      assert.isUndefined(HandshakeState.read(responder, Uint8Array.from([...key, ...message.subarray(32)])))

      const read = HandshakeState.read(pair("XX")[1], key)!
      assert.isUndefined(HandshakeState.write(read.state, none, secrets.responder.e))
    }
  })

  it("as a static key, sent or known beforehand", () => {
    for (const rs of lowOrder) {
      const options = { primitives, initiator: true, prologue, s: secrets.initiator.s, rs } as const
      const initiator = HandshakeState.initialize({ ...options, pattern: "IKpsk2" })
      assert.isUndefined(HandshakeState.write(initiator, none, secrets.initiator.e))

      const read = HandshakeState.read(pair("IX")[1], Uint8Array.from([...bytesOf("ephemeral", 32), ...rs]))!
      assert.isUndefined(HandshakeState.write(read.state, none, secrets.responder.e))
    }
  })
})
