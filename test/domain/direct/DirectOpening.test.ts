import { assert, describe, it } from "@effect/vitest"
import * as DirectDatagram from "../../../src/domain/direct/DirectDatagram.ts"
import * as DirectOpening from "../../../src/domain/direct/DirectOpening.ts"
import * as arbitraries from "../arbitraries.ts"
import { alice, bob } from "../call/handshakes.ts"
import { bytesOf } from "../crypto/primitives.ts"
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

describe("attacks on the opening", () => {
  it("every bit of each message of the handshake changed: the genuine one still brings the chat up", () => {
    // One bit of each byte, another one at each byte, in each fragment that passes.
    for (let bit = 0; bit < 8; bit++) {
      let at = bit
      haveKeys(
        run({
          deliver: (datagram) => {
            if (datagram[0] !== 3) return [[datagram, 20]]
            const changed = datagram.slice()
            at = (at * 31 + 17) % (changed.length * 8)
            changed[at >> 3]! ^= 1 << (at & 7)
            return [
              [changed, 10],
              [datagram, 20],
            ]
          },
        }),
      )
    }
  })

  it("a changed first message is answered, and the genuine one after it is, too", () => {
    let changes = 0
    const sides = run({
      deliver: (datagram) => {
        if (datagram[0] !== 3 || datagram[1] !== 1 || datagram[2] !== 0 || changes >= 2) return [[datagram, 20]]
        changes++
        const changed = datagram.slice()
        changed[40 + changes]! ^= 1
        return [[changed, 20]]
      },
    })
    assert.strictEqual(changes, 2)
    haveKeys(sides)
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
    // A quarter of a second between two.
    assert.isAtMost(b.sent.length, 4)
    assert.isUndefined(b.state.other)
    const fragments = DirectDatagram.fragments(1, new Uint8Array(1536), bytesOf("guessed", 16))
    for (const fragment of fragments) assert.deepStrictEqual(b.hear(fragment, 2000), [])
    assert.isUndefined(b.state.assembly)
  })

  it("reflection: what we say ourselves, sent back to us, is dropped", () => {
    const a = new Side(alice, "alice")
    const { alice: whole } = run()
    for (const datagram of [...a.on({ _tag: "Due", now: 0 }), ...whole.sent])
      assert.deepStrictEqual(a.hear(datagram, 300), [])
    assert.isUndefined(a.state.other)
    assert.deepStrictEqual(a.keys, [])
  })

  it("replay: all that was said in an earlier opening brings nothing up in another", () => {
    const { alice: earlier } = run()
    const b = new Side(bob, "another")
    let now = 0
    for (const datagram of earlier.sent) b.hear(datagram, (now += 300))
    assert.deepStrictEqual(b.keys, [])
    assert.isUndefined(b.state.other)
  })

  it("many first messages, as who is on the way can send: four are answered, all else is dropped", () => {
    const [a, b] = [new Side(alice, "alice"), new Side(bob, "bob")]
    const [first] = b.on({ _tag: "Due", now: 0 })
    const [answer] = a.hear(first!, 10)
    b.hear(answer!, 20)
    const isResponder = b.state.progress?._tag === "Awaiting"
    const victim = isResponder ? b : a
    if (!isResponder) a.hear(b.on({ _tag: "Due", now: 300 })[0]!, 310)
    let now = 1000
    for (let i = 0; i < 100; i++) {
      const xx1 = new Uint8Array(1536)
      xx1.set(bytesOf(`ephemeral ${i}`, 32))
      xx1[32] = 1
      for (const fragment of DirectDatagram.fragments(1, xx1, victim.state.config.nonce)) {
        victim.hear(fragment, (now += 10))
      }
    }
    const { progress } = victim.state
    assert.strictEqual(progress?._tag === "Answered" ? progress.answers.length : -1, DirectOpening.maxAnswers)
  })

  it.prop(
    "whatever is sent, nothing throws and at most one message is being put together",
    [arbitraries.bytes, arbitraries.integer(0, 3)],
    ([bytes, type]) => {
      const side = new Side(alice, "alice")
      const datagram = Uint8Array.of(type, ...bytes)
      side.hear(datagram, 1)
      assert.isAtMost(side.state.assembly?.pieces.size ?? 0, DirectDatagram.maxPieces)
      assert.deepStrictEqual(side.keys, [])
    },
    arbitraries.thorough,
  )
})

describe("the datagrams of an opening", () => {
  it.prop(
    "are read as they were written",
    [arbitraries.integer(1, 3), arbitraries.integer(1, 4), arbitraries.integer(0, 3), arbitraries.integer(1, 1100)],
    ([message, count, index, length]) => {
      const echo = bytesOf("echo", 16)
      const datagrams: ReadonlyArray<DirectDatagram.DirectDatagram> = [
        { _tag: "Fragment", message, count, index: index % count, echo, piece: bytesOf(`${length}`, length) },
        { _tag: "Connect", nonce: bytesOf(`${length}`, 16), echo },
      ]
      for (const datagram of datagrams) {
        assert.deepStrictEqual(DirectDatagram.decode(DirectDatagram.encode(datagram)), datagram)
      }
    },
  )

  it("are refused with one byte more or less, another version, or more pieces than a message has", () => {
    const connect = DirectDatagram.encode({ _tag: "Connect", nonce: bytesOf("n", 16), echo: new Uint8Array(16) })
    assert.isUndefined(DirectDatagram.decode(connect.subarray(1)))
    assert.isUndefined(DirectDatagram.decode(Uint8Array.of(...connect, 0)))
    assert.isUndefined(DirectDatagram.decode(connect.with(1, 2)))
    const [fragment] = DirectDatagram.fragments(1, new Uint8Array(10), bytesOf("n", 16))
    assert.isDefined(DirectDatagram.decode(fragment!))
    for (const [at, value] of [
      [1, 0],
      [1, 4],
      [2, 1],
      [3, 0],
      [3, 5],
    ] as const) {
      assert.isUndefined(DirectDatagram.decode(fragment!.with(at, value)))
    }
    assert.isUndefined(DirectDatagram.decode(fragment!.subarray(0, 20)))
  })
})
