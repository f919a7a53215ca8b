/**
 * Attacks on records: whoever sits on the wire, or in the other's place, and what the victim does.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Endpoint from "../../src/domain/Endpoint.ts"
import * as Frame from "../../src/domain/record/Frame.ts"
import * as RecordHeader from "../../src/domain/record/RecordHeader.ts"
import * as RecordLayer from "../../src/domain/record/RecordLayer.ts"
import { bytesOf, primitives } from "../domain/crypto/primitives.ts"
import { epochs } from "../domain/record/arbitraries.ts"
import { aliceAt, bobAt, type Datagram, malloryAt, World } from "../domain/record/SealedSide.ts"

const layers = () => {
  const [initiator, responder] = epochs("attacked")
  return [RecordLayer.make(primitives, initiator), RecordLayer.make(primitives, responder)] as const
}
const seal = (layer: RecordLayer.RecordLayer, frame: Frame.Frame = Frame.keepAlive): Uint8Array =>
  RecordLayer.seal(layer, [frame])!
const isOpened = (result: RecordLayer.Opened | RecordLayer.Dropped): boolean => typeof result !== "string"
const bytesTo = (world: World, address: string): number =>
  world.wire.reduce((sum, { to, payload }) => (to.address === address ? sum + payload.length : sum), 0)

describe("replay", () => {
  it("of a text, at once, later, or after new keys, delivers it once", () => {
    const world = new World().opened()
    world.alice.say("pay 100")
    const text = world.alice.sent.at(-1)!
    world.pass(30)
    for (const wait of [0, 1000, 60_000, 70_000, 40_000]) {
      world.pass(wait)
      world.deliver(text)
      world.deliver({ ...text, from: malloryAt })
    }
    assert.deepStrictEqual(world.bob.delivered, ["pay 100"])
    assert.isEmpty(world.bob.moves)
  })

  it("of everything that was ever sent, to both sides and in any order, changes nothing", () => {
    const world = new World().opened()
    for (let i = 0; i < 30; i++) {
      world.alice.say(`to bob ${i}`)
      world.bob.say(`to alice ${i}`)
      world.pass(10_000)
    }
    const [a, b] = [world.alice.state, world.bob.state]
    const wire = [...world.wire]
    for (const datagram of [...wire, ...wire.toReversed()]) world.deliver(datagram)
    assert.strictEqual(world.alice.state, a)
    assert.strictEqual(world.bob.state, b)
    assert.lengthOf(world.bob.delivered, 30)
  })

  it("at the edges of the window: 2,016 below the highest is taken once, one more never", () => {
    const [a, b] = layers()
    const records = Array.from({ length: 2019 }, () => seal(a))
    assert.isTrue(isOpened(RecordLayer.open(b, records[2018]!)))
    assert.strictEqual(RecordLayer.open(b, records[1]!), "Repeated")
    assert.isTrue(isOpened(RecordLayer.open(b, records[2]!)))
    assert.strictEqual(RecordLayer.open(b, records[2]!), "Repeated")
    assert.strictEqual(RecordLayer.open(b, records[2018]!), "Repeated")
  })

  it("a forged record does not move the window: what is genuine and late still opens", () => {
    const [a, b] = layers()
    const late = seal(a)
    const forged = new Uint8Array(96)
    for (const counter of [5000, 2 ** 32, 2 ** 48 - 1]) {
      RecordHeader.write(forged, 0, a.slots.current.epoch.index.send, counter)
      assert.strictEqual(RecordLayer.open(b, forged), "Forged")
    }
    assert.isTrue(isOpened(RecordLayer.open(b, late)))
  })
})

describe("counters", () => {
  it("go on across 2^32, each taken once", () => {
    const [a, b] = layers()
    a.slots.current.counter = 2 ** 32 - 3
    const records = Array.from({ length: 6 }, () => seal(a))
    assert.deepStrictEqual(
      records.map((record) => RecordHeader.counter(record) - 2 ** 32),
      [-3, -2, -1, 0, 1, 2],
    )
    for (const record of [...records].toReversed()) assert.isTrue(isOpened(RecordLayer.open(b, record)))
    for (const record of records) assert.strictEqual(RecordLayer.open(b, record), "Repeated")
    // A counter with the same last 32 bits is another one.
    a.slots.current.counter = 3 * 2 ** 32
    assert.isTrue(isOpened(RecordLayer.open(b, seal(a))))
  })

  it("end at 2^48: nothing is sealed any more, and nothing beyond is taken", () => {
    const [a, b] = layers()
    a.slots.current.counter = 2 ** 48 - 1
    assert.isTrue(isOpened(RecordLayer.open(b, seal(a))))
    assert.isUndefined(RecordLayer.seal(a, [Frame.keepAlive]))
    RecordLayer.sealAll(a, [Frame.keepAlive], () => assert.fail("sealed"))
    assert.isUndefined(RecordLayer.seal(a, [Frame.keepAlive]))

    // Even if it is sealed right: by a program that does not stop.
    const cipher = primitives.recordCipher(a.slots.current.epoch.record.send)
    const beyond = new Uint8Array(96)
    RecordHeader.write(beyond, 0, a.slots.current.epoch.index.send, 2 ** 48 - 2)
    new DataView(beyond.buffer).setBigUint64(8, 2n ** 48n)
    cipher.seal(2 ** 48, beyond.slice(0, 16), new Uint8Array(64), beyond, 16)
    assert.strictEqual(RecordLayer.open(b, beyond), "Repeated")
  })

  it("are not used again by a chat that starts anew: it has other keys, and old records open nothing", () => {
    const before = new World({ chat: "before" }).opened()
    before.alice.say("old")
    const old = before.alice.sent.at(-1)!
    const after = new World({ chat: "after" }).opened()
    after.deliver(old)
    assert.isEmpty(after.bob.delivered)
    const shared = [...before.nonces.used].filter((nonce) => after.nonces.used.has(nonce))
    assert.isEmpty(shared)
  })
})

describe("records in the wrong place", () => {
  it("sent back to where they came from open nothing", () => {
    const [a, b] = layers()
    assert.strictEqual(RecordLayer.open(a, seal(a)), "UnknownIndex")
    // With the index of the other direction neither.
    const back = seal(b)
    RecordHeader.write(back, 0, b.slots.current.epoch.index.receive, 0)
    assert.strictEqual(RecordLayer.open(b, back), "Forged")
  })

  it("of another chat, or with another epoch in the header, open nothing", () => {
    const [a, b] = layers()
    const [other] = epochs("another chat")
    assert.strictEqual(RecordLayer.open(b, seal(RecordLayer.make(primitives, other))), "UnknownIndex")
    for (const epoch of [1, 2, 255]) {
      const record = seal(a)
      record[1] = epoch
      assert.strictEqual(RecordLayer.open(b, record), "UnknownIndex")
    }
  })

  it("of an epoch that is gone open nothing, though its number modulo 256 is back", () => {
    const [a, b] = layers()
    const old = seal(a)
    const [, far] = epochs("far", 256)
    RecordLayer.adopt(b, far)
    RecordLayer.forgetPrevious(b)
    assert.strictEqual(RecordLayer.open(b, old), "UnknownIndex")
  })

  it("moved to another epoch that is being read are forged", () => {
    const [a, b] = layers()
    const [, next] = epochs("next", 1)
    RecordLayer.prepare(b, next)
    const record = seal(a)
    RecordHeader.write(record, 1, next.index.receive, 0)
    assert.strictEqual(RecordLayer.open(b, record), "Forged")
    assert.isDefined(b.slots.next)
  })
})

describe("rekey", () => {
  const rekeyed = () => {
    const world = new World().opened()
    world.timeline.advance(121_000)
    assert.deepStrictEqual([world.alice.epoch, world.bob.epoch], [1, 1])
    return world
  }

  it("that is replayed makes no further keys", () => {
    const world = rekeyed()
    const wire = [...world.wire]
    for (const datagram of wire) world.deliver(datagram)
    world.pass(5000)
    assert.deepStrictEqual([world.alice.epoch, world.bob.epoch], [1, 1])
    assert.isUndefined(world.bob.layer.slots.next)
  })

  it("asked for again and again, since the answers are late, leads to one set of keys", () => {
    const world = new World().opened()
    const answers: Array<string> = []
    world.fate = ({ from }) => {
      if (from === bobAt && world.bob.layer.slots.next !== undefined) {
        answers.push(Buffer.from(world.bob.layer.slots.next.epoch.exporter).toString("hex"))
      }
      // The question comes three times, and late.
      return [20, 700, 1400]
    }
    world.timeline.advance(125_000)
    assert.strictEqual(new Set(answers).size, 1)
    assert.deepStrictEqual([world.alice.epoch, world.bob.epoch], [1, 1])
    assert.deepStrictEqual(
      world.alice.layer.slots.current.epoch.record.send,
      world.bob.layer.slots.current.epoch.record.receive,
    )
  })

  it("that is kept from happening ends the chat: old keys are not used on and on", () => {
    const world = new World().opened()
    // Who sits on the wire lets short records through; REKEY_1 is a longer one.
    world.fate = ({ payload }) => (payload.length > 96 ? [] : [20])
    world.timeline.advance(182_000)
    assert.strictEqual(world.alice.ending?.reason, "timeout")
    assert.strictEqual(world.bob.ending?.reason, "timeout")
    assert.isAtMost(world.alice.ending!.at, 180_001)
    assert.isAtMost(world.bob.ending!.at, 180_001)
  })

  it("flooded with questions that are none makes no keys, and keeps none from being made", () => {
    const world = new World().opened()
    for (let i = 0; i < 200; i++) {
      world.alice.sayFrames({ _tag: "Rekey1", epoch: 1, part: 0, parts: 1, bytes: bytesOf(`question ${i}`, 98) })
      world.pass(25)
      assert.isUndefined(world.bob.layer.slots.next)
    }
    world.timeline.advance(125_000)
    assert.deepStrictEqual([world.alice.epoch, world.bob.epoch], [1, 1])
  })
})

describe("another address", () => {
  /** Mallory is quicker: what alice sends comes from mallory first. */
  const copying = (world: World) => {
    world.fate = (datagram) => {
      if (datagram.from === aliceAt) {
        world.timeline.after(5, () => world.deliver({ ...datagram, from: malloryAt }))
      }
      return [20]
    }
    return world
  }

  it("from which a copied record comes first is asked, and not used: nobody there can answer", () => {
    const world = copying(new World().opened())
    for (let i = 0; i < 100; i++) {
      world.alice.say(`text ${i}`)
      world.pass(100)
    }
    assert.isEmpty(world.bob.moves)
    assert.deepStrictEqual(world.bob.state.remote, aliceAt)
    assert.lengthOf(world.bob.delivered, 100)
    world.bob.say("still to alice")
    world.pass(50)
    assert.deepStrictEqual(world.alice.delivered, ["still to alice"])
  })

  it("gets at most four questions a second, and no more bytes than came from it", () => {
    const world = copying(new World().opened())
    const start = world.timeline.now
    let came = 0
    for (let i = 0; i < 400; i++) {
      world.alice.say("x")
      came += 96
      world.pass(25)
      assert.isAtMost(bytesTo(world, malloryAt.address), came)
    }
    const questions = world.bob.sent.filter(({ to }) => Endpoint.equals(to, malloryAt))
    assert.isAtMost(questions.length, Math.ceil((world.timeline.now - start) / 250) + 1)
    assert.isAtLeast(questions.length, 20)
    assert.isTrue(questions.every(({ payload }) => payload.length === RecordHeader.minRecordBytes))
  })

  it("as many of them as there are records get no more, all together", () => {
    const world = new World().opened()
    const start = world.timeline.now
    world.fate = (datagram) => {
      if (datagram.from === aliceAt) {
        world.deliver({ ...datagram, from: { address: `203.0.113.${world.wire.length % 250}`, port: 7 } })
      }
      return [20]
    }
    for (let i = 0; i < 1000; i++) {
      world.alice.say("x")
      world.pass(10)
    }
    const others = world.bob.sent.filter(({ to }) => !Endpoint.equals(to, aliceAt))
    assert.isAtMost(others.length, Math.ceil((world.timeline.now - start) / 250) + 1)
    assert.isAtMost(world.bob.state.paths.length, 4)
    assert.isEmpty(world.bob.moves)
  })

  it("is not proven by an answer from elsewhere", () => {
    const world = copying(new World().opened())
    const replies: Array<Datagram> = []
    const copy = world.fate
    world.fate = (datagram) => {
      // Mallory passes the question on to alice, as if it came from bob: alice answers to bob.
      if (Endpoint.equals(datagram.to, malloryAt)) {
        world.timeline.after(5, () => world.deliver({ ...datagram, to: aliceAt }))
        replies.push(datagram)
      }
      return copy(datagram)
    }
    // Now alice's answer comes from alice: mallory stops copying in time.
    world.alice.say("one")
    world.pass(6)
    world.fate = (datagram) => {
      if (Endpoint.equals(datagram.to, malloryAt))
        world.timeline.after(5, () => world.deliver({ ...datagram, to: aliceAt }))
      return [20]
    }
    for (const datagram of replies) world.deliver({ ...datagram, to: aliceAt })
    world.pass(500)
    assert.isNotEmpty(replies)
    assert.isEmpty(world.bob.moves)
  })

  it("is used when the other side answers from there, even if somebody only passes on: and left when it is not there", () => {
    const world = new World().opened()
    // Mallory is a relay in both directions, and quicker than the direct path. That is a path as any other.
    world.fate = (datagram) => {
      if (datagram.from === aliceAt) {
        world.timeline.after(5, () => world.deliver({ ...datagram, from: malloryAt, to: bobAt }))
      }
      if (Endpoint.equals(datagram.to, malloryAt)) {
        const to = datagram.from === bobAt ? aliceAt : bobAt
        world.timeline.after(5, () => world.deliver({ ...datagram, from: malloryAt, to }))
      }
      return [20]
    }
    world.alice.say("one")
    world.pass(500)
    assert.deepStrictEqual(world.bob.moves, [Endpoint.format(malloryAt)])
    assert.deepStrictEqual(world.alice.moves, [Endpoint.format(malloryAt)])
    // Mallory stops, and both sides send to nobody. They ask each other where they were before.
    world.fate = () => [20]
    world.pass(14_000)
    assert.deepStrictEqual(world.bob.state.remote, aliceAt)
    assert.deepStrictEqual(world.alice.state.remote, bobAt)
    world.alice.say("two")
    world.pass(50)
    assert.deepStrictEqual(world.bob.delivered, ["one", "two"])
    world.pass(60_000)
    assert.isUndefined(world.bob.ending)
  })

  it("with an old record, or a late one, is not even asked", () => {
    const world = new World().opened()
    world.fate = () => []
    world.alice.say("late")
    const late = world.alice.sent.at(-1)!
    world.fate = () => [20]
    world.alice.say("newer")
    world.pass(50)
    const sent = world.bob.sent.length
    world.deliver({ ...late, from: malloryAt })
    assert.lengthOf(world.bob.sent, sent)
    assert.deepStrictEqual(world.bob.delivered, ["newer", "late"])
  })

  it("gets one answer for many challenges in one record, as short as it can be", () => {
    const world = new World().opened()
    world.fate = () => []
    const challenges = Array.from({ length: 100 }, (_, i): Frame.Frame => ({
      _tag: "PathChallenge",
      data: bytesOf(`challenge ${i}`, 8),
    }))
    world.alice.sayFrames(...challenges)
    const before = world.bob.sent.length
    world.deliver({ ...world.alice.sent.at(-1)!, from: malloryAt })
    const answers = world.bob.sent.slice(before)
    assert.lengthOf(answers, 1)
    assert.deepStrictEqual(answers[0]!.to, malloryAt)
    assert.lengthOf(answers[0]!.payload, RecordHeader.minRecordBytes)
  })
})

describe("floods", () => {
  it("of junk are dropped without a word, and a chat goes on in between", () => {
    const world = new World().opened()
    const { state } = world.bob
    const sent = world.bob.sent.length
    const index = world.bob.layer.slots.current.epoch.index.receive
    for (let i = 0; i < 3000; i++) {
      const junk = bytesOf(`junk ${i}`, 96 + 64 * (i % 18))
      if (i % 2 === 0) RecordHeader.write(junk, 0, i % 4 === 0 ? index : i, 1000 + i)
      world.bob.receive(junk, i % 3 === 0 ? aliceAt : malloryAt)
    }
    assert.strictEqual(world.bob.state, state)
    assert.lengthOf(world.bob.sent, sent)
    assert.deepStrictEqual(new Set(world.bob.dropped), new Set(["NoRecord", "UnknownIndex", "Forged"]))
    world.alice.say("undisturbed")
    world.pass(50)
    assert.deepStrictEqual(world.bob.delivered, ["undisturbed"])
  })

  it("of questions by the other side itself are answered four times a second", () => {
    const world = new World().opened()
    const [start, sent] = [world.timeline.now, world.bob.sent.length]
    for (let i = 0; i < 200; i++) {
      world.alice.sayFrames(...Array.from({ length: 300 }, () => Frame.probe))
      world.pass(10)
    }
    assert.isAtMost(world.bob.sent.length - sent, (world.timeline.now - start) / 250 + 2)
  })

  it("of parts of texts and rekeys that never end take a bounded place", () => {
    const world = new World().opened()
    for (let number = 0; number < 500; number++) {
      world.alice.sayFrames({ _tag: "Text", number, part: 1, parts: 8, bytes: new Uint8Array(1191) })
      world.alice.sayFrames({ _tag: "Rekey1", epoch: 1, part: 1, parts: 2, bytes: new Uint8Array(1100) })
      world.pass(1)
    }
    world.pass(50)
    assert.isAtMost(world.bob.state.texts.length, 8)
    assert.isAtMost(world.bob.state.rekey.parts?.length ?? 0, 2)
    assert.isEmpty(world.bob.delivered)
  })
})
