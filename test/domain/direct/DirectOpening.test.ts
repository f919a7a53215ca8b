import { assert, describe, it } from "@effect/vitest"
import * as Bytes from "../../../src/domain/crypto/Bytes.ts"
import * as DirectDatagram from "../../../src/domain/direct/DirectDatagram.ts"
import * as DirectHandshake from "../../../src/domain/direct/DirectHandshake.ts"
import * as DirectOpening from "../../../src/domain/direct/DirectOpening.ts"
import * as DirectPieces from "../../../src/domain/direct/DirectPieces.ts"
import * as arbitraries from "../arbitraries.ts"
import { alice, bob } from "../call/handshakes.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"
import { type Fate, quick, run, Side } from "./DirectSides.ts"

type Sides = ReturnType<typeof run>

const haveKeys = ({ alice: a, bob: b }: Sides): void => {
  assert.deepStrictEqual([a.keys.length, b.keys.length], [1, 1])
  const [ours, theirs] = [a.keys[0]!, b.keys[0]!]
  assert.deepStrictEqual(ours.h, theirs.h)
  assert.deepStrictEqual(ours.record.send, theirs.record.receive)
  assert.deepStrictEqual(ours.record.receive, theirs.record.send)
  assert.strictEqual(ours.index.send, theirs.index.receive)
  assert.notStrictEqual(ours.isInitiator, theirs.isInitiator)
  assert.deepStrictEqual([ours.peer.id, ours.peer.name], [bob.identity.id, bob.name])
  assert.deepStrictEqual([theirs.peer.id, theirs.peer.name], [alice.identity.id, alice.name])
}

/** Numbers from 0 to 1, the same in every run of a seed. */
const random = (seed: number) => {
  let state = seed + 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const trouble = (seed: number, loss: number, duplication: number): Fate => {
  const chance = random(seed)
  return {
    deliver: (datagram) => {
      if (chance() < loss) return []
      const copies = chance() < duplication ? 2 : 1
      return Array.from({ length: copies }, () => [datagram, 5 + Math.floor(chance() * 400)] as const)
    },
  }
}

describe("two people who know each other's address", () => {
  it("get the same keys, and know who the other is", () => {
    const sides = run()
    haveKeys(sides)
    assert.isAtMost(sides.now, 500)
  })

  it("whichever nonce is the larger one", () => {
    const roles = new Set<boolean>()
    for (let i = 0; i < 8; i++) {
      const sides = run(quick, 20_000, [`a${i}`, `b${i}`])
      haveKeys(sides)
      roles.add(sides.alice.keys[0]!.isInitiator)
    }
    assert.strictEqual(roles.size, 2)
  })

  it("find each other when one comes much later", () => {
    let silent = 30
    haveKeys(run({ deliver: (datagram, from) => (from === "bob" && silent-- > 0 ? [] : [[datagram, 20]]) }, 60_000))
  })

  it.prop(
    "also over a network that loses 30 %, repeats and reorders",
    [arbitraries.integer(0, 100_000)],
    ([seed]) => haveKeys(run(trouble(seed, 0.3, 0.2), 60_000)),
    { arbitrary: { runs: 60 } },
  )

  it("stop saying the last message when a record of the other opens", () => {
    const { alice: a, bob: b } = run()
    for (const side of [a, b]) {
      side.on({ _tag: "RecordOpened" })
      assert.strictEqual(DirectOpening.dueAt(side.state), Infinity)
      assert.deepStrictEqual(side.on({ _tag: "Due", now: 60_000 }), [])
    }
  })

  it("forget what their keys could be derived from once more", () => {
    const { alice: a, bob: b } = run()
    for (const { state } of [a, b]) {
      assert.lengthOf(state.config.entropy, 0)
      assert.deepStrictEqual(
        state.others.map(({ progress }) => progress),
        [{ _tag: "Complete" }],
      )
    }
  })

  it("answer one who starts anew before there are keys", () => {
    const old = new Side(alice, "old")
    const b = new Side(bob, "bob")
    // bob has heard an alice who is gone by now.
    const [connect] = b.on({ _tag: "Due", now: 0 })
    b.hear(old.hear(connect!, 10)[0]!, 20)
    const anew = new Side(alice, "anew")
    let now = 1000
    let toNew: ReadonlyArray<Uint8Array> = b.on({ _tag: "Due", now })
    while (anew.keys.length === 0 || b.keys.length === 0) {
      assert.isBelow((now += 100), 10_000)
      const toBob = [...toNew.flatMap((datagram) => anew.hear(datagram, now)), ...anew.on({ _tag: "Due", now })]
      toNew = [...toBob.flatMap((datagram) => b.hear(datagram, now)), ...b.on({ _tag: "Due", now })]
    }
    assert.deepStrictEqual(anew.keys[0]!.h, b.keys[0]!.h)
  })
})

/** The whole of what both say, each datagram followed, or preceded, by changed ones. */
const changing = (
  change: (datagram: Uint8Array, from: "alice" | "bob") => Uint8Array | undefined,
  order: "before" | "after",
): Fate => {
  let count = 0
  return {
    deliver: (datagram, from) => {
      const changed = change(datagram, from)
      // One after the other, each with its changed one beside it.
      const at = 20 + 2 * (count++ % 8)
      if (changed === undefined) return [[datagram, at]]
      return [
        [changed, order === "before" ? at - 1 : at + 1],
        [datagram, at],
      ]
    },
  }
}

const flipped = (datagram: Uint8Array, bit: number): Uint8Array => {
  const changed = datagram.slice()
  changed[bit >> 3]! ^= 1 << (bit & 7)
  return changed
}

/** An other side of bob that he knows, and what he says to it. */
const introduced = (b: Side, label: string, now: number) => {
  const nonce = bytesOf(label, 16)
  const connect = DirectDatagram.encode({ _tag: "Connect", nonce, echo: b.state.config.nonce })
  return { nonce, said: b.hear(connect, now) }
}

describe("attacks on the opening", () => {
  for (const order of ["before", "after"] as const) {
    it(`the same bit of every datagram changed, each bit in its turn, the changed one ${order} the genuine one`, () => {
      // All of the first four bytes, of the nonces a bit of each byte, and of the bodies one of each fifteen.
      const headers = Array.from({ length: 32 }, (_, bit) => bit)
      const nonces = Array.from({ length: 32 }, (_, at) => 32 + at * 8 + (at % 8))
      const bodies = Array.from({ length: 76 }, (_, at) => DirectDatagram.connectBytes * 8 + at * 115)
      for (const bit of [...headers, ...nonces, ...bodies]) {
        const sides = run(
          changing((datagram) => (bit < datagram.length * 8 ? flipped(datagram, bit) : undefined), order),
        )
        haveKeys(sides)
        assert.isAtMost(sides.now, 1500, `bit ${bit}`)
      }
    })

    it(`another bit of each datagram changed, the changed one ${order} the genuine one`, () => {
      for (let start = 0; start < 20; start++) {
        let at = start
        const change = (datagram: Uint8Array) => {
          at = (at * 31 + 17) % (datagram.length * 8)
          return flipped(datagram, at)
        }
        haveKeys(run(changing(change, order)))
      }
    })
  }

  it("changed fragments alone get through for two seconds: the genuine ones still bring the chat up after that", () => {
    for (const message of [1, 2, 3]) {
      let count = 0
      const sides = run({
        deliver: (datagram) => {
          if (datagram[0] !== 3 || datagram[1] !== message || count++ >= 8) return [[datagram, 20]]
          return [[flipped(datagram, 400 + count), 20]]
        },
      })
      assert.isAtLeast(count, 8)
      haveKeys(sides)
    }
  })

  it("other sides and first messages invented until the genuine ones are forgotten: it comes up when that stops", () => {
    // Whoever is on the way sees the nonces, and can say whatever it likes under any other.
    const nonces = new Map<string, Uint8Array>()
    let invented = 0
    const invent = (to: Uint8Array): ReadonlyArray<Uint8Array> => {
      const nonce = bytesOf(`invented ${invented++}`, 16)
      const xx1 = new Uint8Array(1536).fill(1, 0, 34)
      xx1.set(bytesOf(`ephemeral ${invented}`, 32))
      return [
        DirectDatagram.encode({ _tag: "Connect", nonce, echo: to }),
        ...DirectDatagram.fragments(1, xx1, { nonce, echo: to }),
      ]
    }
    for (const beginning of [0, 2, 4, 6, 8, 10]) {
      let seen = 0
      invented = 0
      const sides = run(
        {
          deliver: (datagram, from) => {
            nonces.set(from, datagram.slice(4, 20))
            const to = nonces.get(from === "alice" ? "bob" : "alice")
            const genuine = [[datagram, 20]] as const
            if (to === undefined || seen++ < beginning || invented >= 200) return genuine
            return [
              ...genuine,
              ...Array.from({ length: 5 }, () => invent(to)).flatMap((all) => all.map((one) => [one, 21] as const)),
            ]
          },
        },
        60_000,
      )
      haveKeys(sides)
      for (const { state } of [sides.alice, sides.bob]) assert.isAtMost(state.others.length, DirectOpening.maxOthers)
    }
  })

  it("a responder that has forgotten an initiator with keys gets all of it again", () => {
    let blocked = true
    const sides = run(
      { deliver: (datagram) => (blocked && datagram[0] === 3 && datagram[1] === 3 ? [] : [[datagram, 20]]) },
      3000,
    )
    const [a, b] = sides.alice.keys.length === 1 ? [sides.alice, sides.bob] : [sides.bob, sides.alice]
    assert.deepStrictEqual([a.keys.length, b.keys.length], [1, 0])
    let now = 5000
    for (let i = 0; i < DirectOpening.maxOthers; i++) introduced(b, `invented ${i}`, (now += 300))
    assert.isFalse(b.state.others.some(({ nonce }) => Bytes.equals(nonce, a.state.config.nonce)))
    blocked = false
    while (b.keys.length === 0) {
      assert.isBelow((now += 100), 15_000)
      const toB = [...a.on({ _tag: "Due", now })]
      const toA = [...b.on({ _tag: "Due", now }), ...toB.flatMap((datagram) => b.hear(datagram, now))]
      for (const datagram of toA) for (const answer of a.hear(datagram, now)) b.hear(answer, now)
    }
    assert.deepStrictEqual(a.keys[0]!.h, b.keys[0]!.h)
  })

  it("no reply to a forged source is longer than what came, and none to who does not hear us begins a handshake", () => {
    const b = new Side(bob, "bob")
    for (let i = 0; i < 1000; i++) {
      const connect = DirectDatagram.encode({
        _tag: "Connect",
        nonce: bytesOf(`forged ${i}`, 16),
        echo: new Uint8Array(16),
      })
      const replies = b.hear(connect, i)
      assert.isAtMost(replies.length, 1)
      for (const reply of replies) assert.isAtMost(reply.length, connect.length)
    }
    // Four at once, and four a second.
    assert.lengthOf(b.sent, 7)
    const guess = { nonce: bytesOf("forged", 16), echo: bytesOf("guessed", 16) }
    for (const fragment of DirectDatagram.fragments(1, new Uint8Array(1536), guess)) {
      assert.deepStrictEqual(b.hear(fragment, 2000), [])
    }
    assert.deepStrictEqual(b.hear(DirectDatagram.encode({ _tag: "Connect", ...guess }), 2000), [])
    assert.deepStrictEqual(b.state.others, [])
  })

  it("reflection: what we say ourselves, sent back to us, is dropped", () => {
    const a = new Side(alice, "alice")
    const { alice: whole } = run()
    for (const datagram of [...a.on({ _tag: "Due", now: 0 }), ...whole.sent])
      assert.deepStrictEqual(a.hear(datagram, 300), [])
    assert.deepStrictEqual(a.state.others, [])
    assert.deepStrictEqual(a.keys, [])
  })

  it("replay: all that was said in an earlier opening brings nothing up in another", () => {
    const { alice: earlier } = run()
    const b = new Side(bob, "another")
    let now = 0
    for (const datagram of earlier.sent) b.hear(datagram, (now += 300))
    assert.deepStrictEqual(b.keys, [])
    assert.deepStrictEqual(b.state.others, [])
  })

  it("many other sides, first messages and pieces, as who is on the way can send: a few are kept", () => {
    const b = new Side(bob, "bob")
    let now = 0
    for (let i = 0; i < 300; i++) {
      const { nonce } = introduced(b, `nobody ${i % 10}`, (now += 20))
      const xx1 = new Uint8Array(1536)
      xx1.set(bytesOf(`ephemeral ${i}`, 32))
      // Every second one has a key of ML-KEM that is none.
      xx1.fill(i % 2 === 0 ? 1 : 255, 32, 1217)
      xx1[32] = 1
      for (const fragment of DirectDatagram.fragments(1, xx1, { nonce, echo: b.state.config.nonce })) {
        b.hear(fragment, (now += 10))
      }
      assert.isAtMost(b.state.others.length, DirectOpening.maxOthers)
      for (const { progress, pieces, last } of b.state.others) {
        if (progress._tag === "Responding") assert.isAtMost(progress.answers.length, DirectOpening.maxAnswers)
        // XX1 has two pieces, and XX3 one.
        assert.isAtMost(pieces.length, 3 * DirectPieces.maxVersions)
        assert.isAtMost(last.length, 2)
      }
    }
    assert.strictEqual(b.state.others.length, DirectOpening.maxOthers)
    assert.deepStrictEqual(b.keys, [])
  })

  it("first messages as fast as they come: so many are computed on, and no more", () => {
    let computed = 0
    const { encapsulate } = primitives.mlKem768
    const counting: typeof primitives = {
      ...primitives,
      mlKem768: { ...primitives.mlKem768, encapsulate: (...of) => (computed++, encapsulate(...of)) },
    }
    const b = new Side(bob, "bob", counting)
    let nonce: Uint8Array
    // We answer who has the larger nonce.
    for (let i = 0; ; i++) {
      nonce = introduced(b, `nobody ${i}`, i * 300).nonce
      if (b.state.others.at(-1)!.progress._tag === "Responding") break
    }
    const kemPublicKey = primitives.mlKem768.publicKey(bytesOf("kem", 64))
    for (let i = 0; i < 1000; i++) {
      const xx1 = new Uint8Array(1536)
      xx1.set(bytesOf(`ephemeral ${i}`, 32))
      xx1[32] = 1
      xx1.set(kemPublicKey, 33)
      for (const fragment of DirectDatagram.fragments(1, xx1, { nonce, echo: b.state.config.nonce })) {
        b.hear(fragment, 10_000 + i)
      }
    }
    const { burst, perSecond } = DirectOpening.trialLimit
    assert.strictEqual(computed, Math.floor((burst + perSecond * 0.999) / DirectOpening.answerCost))
  })

  it("a key of low order, a key of ML-KEM that is none, bytes after the end: not answered, and nothing is the worse", () => {
    const genuine = DirectHandshake.begin(
      primitives,
      alice,
      { initiator: bytesOf("high", 16), responder: bytesOf("low", 16) },
      { ephemeral: bytesOf("ephemeral", 32), kemSeed: bytesOf("kem", 64) },
    )!.xx1
    const bad = [
      genuine.slice().fill(0, 0, 32),
      genuine.slice().fill(0, 0, 32).with(0, 1),
      genuine.slice().fill(255, 33, 33 + 1184),
      genuine.with(32, 2),
      genuine.with(1535, 1),
    ]
    let now = 0
    const b = new Side(bob, "bob")
    let nonce: Uint8Array
    for (let i = 0; ; i++) {
      nonce = introduced(b, `nobody ${i}`, (now += 300)).nonce
      if (b.state.others.at(-1)!.progress._tag === "Responding") break
    }
    const hear = (xx1: Uint8Array) => {
      now += 6000
      const fragments = DirectDatagram.fragments(1, xx1, { nonce, echo: b.state.config.nonce })
      return fragments.flatMap((fragment) => b.hear(fragment, now))
    }
    for (const xx1 of bad) assert.deepStrictEqual(hear(xx1), [])
    assert.lengthOf(hear(genuine), 2)
  })

  it.prop(
    "whatever is sent, nothing throws and nothing is kept",
    [arbitraries.bytes, arbitraries.integer(0, 3)],
    ([bytes, type]) => {
      const side = new Side(alice, "alice")
      side.hear(Uint8Array.of(type, ...bytes), 1)
      assert.deepStrictEqual(side.state.others, [])
      assert.deepStrictEqual(side.keys, [])
    },
    arbitraries.thorough,
  )
})

describe("the datagrams of an opening", () => {
  it.prop(
    "are read as they were written",
    [arbitraries.pick(1, 2, 3), arbitraries.integer(0, 1000)],
    ([message, label]) => {
      const [nonce, echo] = [bytesOf(`nonce ${label}`, 16), bytesOf(`echo ${label}`, 16)]
      const connect = { _tag: "Connect", nonce, echo } as const
      assert.deepStrictEqual(DirectDatagram.decode(DirectDatagram.encode(connect)), connect)
      const whole = bytesOf(`message ${label}`, DirectDatagram.messageBytes[message])
      const fragments = DirectDatagram.fragments(message, whole, { nonce, echo })
      const pieces = fragments.map((fragment, index) => {
        const decoded = DirectDatagram.decode(fragment)
        assert(decoded?._tag === "Fragment")
        const { piece, ...rest } = decoded
        assert.deepStrictEqual(rest, { _tag: "Fragment", message, index, nonce, echo })
        assert.isAtMost(fragment.length, DirectDatagram.maxFragmentBytes)
        return piece
      })
      assert.deepStrictEqual(Bytes.concat(...pieces), whole)
    },
  )

  it("have one form: every change of a header but of the nonces, a byte more or less make none of them", () => {
    const nonces = { nonce: bytesOf("n", 16), echo: bytesOf("e", 16) }
    const connect = DirectDatagram.encode({ _tag: "Connect", ...nonces })
    const fragments = [1, 2, 3] as const
    const all = fragments.flatMap((message) =>
      DirectDatagram.fragments(message, new Uint8Array(DirectDatagram.messageBytes[message]), nonces),
    )
    for (const datagram of [connect, ...all]) {
      assert.isUndefined(DirectDatagram.decode(datagram.subarray(1)))
      assert.isUndefined(DirectDatagram.decode(datagram.subarray(0, -1)))
      assert.isUndefined(DirectDatagram.decode(Uint8Array.of(...datagram, 0)))
      for (let at = 0; at < 4; at++) {
        for (let value = 0; value < 256; value++) {
          const changed = datagram.with(at, value)
          // XX1 and XX2 are alike but for the number.
          const isMessage = at === 1 && datagram[0] === 3 && datagram[1] !== 3 && (value === 1 || value === 2)
          if (value !== datagram[at] && !isMessage) assert.isUndefined(DirectDatagram.decode(changed))
        }
      }
    }
    assert.isUndefined(DirectDatagram.decode(new Uint8Array(0)))
  })
})
