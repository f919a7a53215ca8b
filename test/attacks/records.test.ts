/**
 * Attacks on records: whoever sits on the wire, or in the other's place, and what the victim does.
 */
import { assert, describe, it } from "@effect/vitest"
import * as ReceiveStream from "../../src/domain/delivery/ReceiveStream.ts"
import * as Endpoint from "../../src/domain/Endpoint.ts"
import * as Challenges from "../../src/domain/reach/Challenges.ts"
import * as Reach from "../../src/domain/reach/Reach.ts"
import * as Frame from "../../src/domain/record/Frame.ts"
import * as RecordHeader from "../../src/domain/record/RecordHeader.ts"
import * as RecordLayer from "../../src/domain/record/RecordLayer.ts"
import { bytesOf, primitives } from "../domain/crypto/primitives.ts"
import { epochs } from "../domain/record/arbitraries.ts"
import type { SealedSide } from "../domain/record/SealedSide.ts"
import { aliceAt, bobAt, type Datagram, malloryAt, World } from "../domain/record/SealedWorld.ts"

const layers = () => {
  const [initiator, responder] = epochs("attacked")
  return [RecordLayer.make(primitives, initiator), RecordLayer.make(primitives, responder)] as const
}
const seal = (layer: RecordLayer.RecordLayer, frame: Frame.Frame = Frame.keepAlive): Uint8Array =>
  RecordLayer.seal(layer, [frame])!
const isOpened = (result: RecordLayer.Opened | RecordLayer.Dropped): boolean => typeof result !== "string"
const isTo = ({ to }: Datagram, endpoint: Endpoint.Endpoint): boolean =>
  to !== undefined && Endpoint.equals(to, endpoint)
const sentTo = (side: SealedSide, endpoint: Endpoint.Endpoint): ReadonlyArray<Datagram> =>
  side.sent.filter((datagram) => isTo(datagram, endpoint))
/** All that a side knows. */
const knowledge = ({ state, reach, delivery }: SealedSide) => ({ state, reach, delivery })

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
    assert.deepStrictEqual(world.bob.uses, [Endpoint.format(aliceAt)])
  })

  it("of everything that was ever sent, to both sides and in any order, changes nothing", () => {
    const world = new World().opened()
    for (let i = 0; i < 30; i++) {
      world.alice.say(`to bob ${i}`)
      world.bob.say(`to alice ${i}`)
      world.pass(10_000)
    }
    const [a, b] = [knowledge(world.alice), knowledge(world.bob)]
    const wire = [...world.wire]
    for (const datagram of [...wire, ...wire.toReversed()]) world.deliver(datagram)
    for (const datagram of wire) world.deliver({ ...datagram, from: malloryAt })
    assert.deepStrictEqual(knowledge(world.alice), a)
    assert.deepStrictEqual(knowledge(world.bob), b)
    assert.lengthOf(world.wire, wire.length)
    assert.lengthOf(world.bob.delivered, 30)
  })

  it("of what goes by the server, on a path of one's own or by the server, changes nothing", () => {
    const world = new World({ way: "server" }).opened()
    world.fate = ({ to }) => (to === undefined ? [20] : [])
    world.alice.say("one")
    world.pass(5000)
    assert.deepStrictEqual(world.bob.delivered, ["one"])
    const before = knowledge(world.bob)
    const wire = world.alice.sent.filter(({ to, at }) => to === undefined && at < world.timeline.now - 100)
    assert.isNotEmpty(wire)
    for (const datagram of wire) {
      world.deliver(datagram)
      world.deliver({ ...datagram, from: malloryAt, to: bobAt })
    }
    assert.deepStrictEqual(knowledge(world.bob), before)
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
    const cipher = a.slots.current.sealing
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
    const [ofAlice, ofBob] = [world.alice.layer.slots.current, world.bob.layer.slots.current]
    const [none, text, record] = [new Uint8Array(0), new Uint8Array(16).fill(1), new Uint8Array(32)]
    ofAlice.sealing.seal(9, none, text, record, 0)
    assert.deepStrictEqual(ofBob.opening.open(9, none, record), text)
  })

  it("that is kept from happening stops the chat: old keys are not used on and on", () => {
    for (const way of ["address", "server"] as const) {
      const world = new World({ way }).opened()
      // Who sits on the wire lets short records through; REKEY_1 is a longer one.
      world.fate = ({ payload }) => (payload.length > 96 ? [] : [20])
      world.timeline.advance(182_000)
      for (const side of [world.alice, world.bob]) {
        assert.strictEqual(side.suspended, 1)
        assert.isAtMost(side.sent.at(-1)!.at, 180_000)
        if (way === "address") assert.deepStrictEqual(side.ending, { reason: "timeout", at: 180_001 })
        else assert.isUndefined(side.ending)
      }
    }
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
  const strangers = Reach.maxStrangers
  /** How often strangers may be asked in so long, if none answers. */
  const mostAsked = (millis: number): number => strangers * (Math.floor(millis / Challenges.patienceMillis) + 1)

  /** Mallory is quicker: what alice sends comes from mallory first. */
  const copying = (world: World) => {
    world.fate = (datagram) => {
      if (datagram.from === aliceAt && isTo(datagram, bobAt)) {
        world.timeline.after(5, () => world.deliver({ ...datagram, from: malloryAt }))
      }
      return [20]
    }
    return world
  }

  /** Mallory is a relay in both directions, and quicker than the direct path. */
  const between = (world: World) => {
    world.fate = (datagram) => {
      const { from, to } = datagram
      if (to === undefined) return [20]
      if (Endpoint.equals(to, malloryAt)) {
        const target = from === bobAt ? aliceAt : bobAt
        world.timeline.after(5, () => world.deliver({ ...datagram, from: malloryAt, to: target }))
        return []
      }
      world.timeline.after(5, () => world.deliver({ ...datagram, from: malloryAt }))
      return [20]
    }
    return world
  }

  /** Whether mallory's address has answered. */
  const isProven = (side: SealedSide): boolean =>
    side.reach.book.proven.some(({ path }) => path._tag === "Direct" && Endpoint.equals(path.remote, malloryAt))

  it("from which a copied record comes first is asked, and not used: nobody there can answer", () => {
    const world = copying(new World().opened())
    for (let i = 0; i < 100; i++) {
      world.alice.say(`text ${i}`)
      world.pass(100)
    }
    assert.isNotEmpty(sentTo(world.bob, malloryAt))
    assert.deepStrictEqual(world.bob.uses, [Endpoint.format(aliceAt)])
    assert.lengthOf(world.bob.delivered, 100)
    world.bob.say("still to alice")
    world.pass(50)
    assert.deepStrictEqual(world.alice.delivered, ["still to alice"])
  })

  it("gets one record of 96 bytes for one that came, and four questions in five seconds", () => {
    const world = copying(new World().opened())
    const start = world.timeline.now
    let came = 0
    const ofAlice = world.fate
    world.fate = (datagram) => {
      if (datagram.from === aliceAt) came++
      return ofAlice(datagram)
    }
    for (let i = 0; i < 320; i++) {
      world.alice.say("x")
      world.pass(25)
      assert.isAtMost(sentTo(world.bob, malloryAt).length, came)
    }
    const questions = sentTo(world.bob, malloryAt)
    assert.isAtMost(questions.length, mostAsked(world.timeline.now - start))
    assert.isAtLeast(questions.length, strangers)
    assert.isTrue(questions.every(({ payload }) => payload.length === RecordHeader.minRecordBytes))
  })

  it("as many of them as there are records get no more, all together", () => {
    const world = new World().opened()
    const start = world.timeline.now
    world.fate = (datagram) => {
      if (datagram.from === aliceAt && isTo(datagram, bobAt)) {
        world.deliver({ ...datagram, from: { address: `203.0.113.${world.wire.length % 250}`, port: 7 } })
      }
      return [20]
    }
    for (let i = 0; i < 800; i++) {
      world.alice.say("x")
      world.pass(10)
    }
    const others = world.bob.sent.filter((datagram) => !isTo(datagram, aliceAt))
    assert.isAtMost(others.length, mostAsked(world.timeline.now - start))
    assert.isAtLeast(others.length, strangers)
    const { book, search } = world.bob.reach
    assert.isAtMost(book.challenges.length, strangers + 2)
    assert.lengthOf(book.proven, 1)
    assert.isAtMost(search?.checks.pairs.length ?? 0, 1)
    assert.deepStrictEqual(world.bob.uses, [Endpoint.format(aliceAt)])
    assert.lengthOf(world.bob.delivered, 800)
  })

  it("is not proven by an answer from elsewhere", () => {
    const world = copying(new World().opened())
    const replies: Array<Datagram> = []
    const copy = world.fate
    world.fate = (datagram) => {
      // Mallory passes the question on to alice, as if it came from bob: alice answers to bob.
      if (isTo(datagram, malloryAt)) {
        world.timeline.after(5, () => world.deliver({ ...datagram, to: aliceAt }))
        replies.push(datagram)
      }
      return copy(datagram)
    }
    // Now alice's answer comes from alice: mallory stops copying in time.
    world.alice.say("one")
    world.pass(6)
    world.fate = (datagram) => {
      if (isTo(datagram, malloryAt)) world.timeline.after(5, () => world.deliver({ ...datagram, to: aliceAt }))
      return [20]
    }
    for (const datagram of replies) world.deliver({ ...datagram, to: aliceAt })
    world.pass(500)
    assert.isNotEmpty(replies)
    assert.deepStrictEqual(world.bob.uses, [Endpoint.format(aliceAt)])
    assert.lengthOf(world.bob.reach.book.proven, 1)
  })

  it("of somebody in between is a path like any other while it works, and costs nothing when it does not", () => {
    const world = between(new World().opened())
    for (let i = 0; i < 60; i++) {
      world.alice.say(`through mallory ${i}`)
      world.bob.say(`and back ${i}`)
      world.pass(1000)
    }
    world.pass(1000)
    assert.lengthOf(world.alice.delivered, 60)
    assert.lengthOf(world.bob.delivered, 60)
    assert.isTrue(isProven(world.alice) && isProven(world.bob))
    // Mallory stops, and what still goes there is lost.
    world.fate = () => [20]
    world.alice.say("two")
    world.bob.say("three")
    world.pass(4000)
    assert.deepStrictEqual([world.alice.path, world.bob.path], [Endpoint.format(bobAt), Endpoint.format(aliceAt)])
    assert.deepStrictEqual([world.alice.delivered.at(-1), world.bob.delivered.at(-1)], ["three", "two"])
    world.pass(60_000)
    assert.isUndefined(world.alice.ending ?? world.bob.ending)
  })

  it("to which both sides have been moved can't keep them: they go back when nothing comes from there", () => {
    for (const [way, most] of [
      ["server", 2000],
      ["address", 15_000],
    ] as const) {
      const world = new World({ way }).opened()
      const real = between(world).fate
      // When both know the path by mallory as one that works, that is the only one left.
      world.fate = (datagram) => {
        const isOpen = datagram.to === undefined || isTo(datagram, malloryAt)
        return isOpen || !(isProven(world.alice) && isProven(world.bob)) ? real(datagram) : []
      }
      world.pass(60_000)
      assert.deepStrictEqual(
        [world.alice.path, world.bob.path],
        [Endpoint.format(malloryAt), Endpoint.format(malloryAt)],
      )
      // Then everything that mallory gets is gone.
      world.fate = () => [20]
      world.alice.say("is this the end?")
      world.bob.say("no")
      world.pass(most)
      assert.deepStrictEqual(world.bob.delivered, ["is this the end?"], way)
      assert.deepStrictEqual(world.alice.delivered, ["no"], way)
      world.pass(30_000)
      assert.deepStrictEqual([world.alice.path, world.bob.path], [Endpoint.format(bobAt), Endpoint.format(aliceAt)])
    }
  })

  it("that copies for long, quicker than all, delays what is said at most until it stops", () => {
    for (const way of ["address", "server"] as const) {
      const world = copying(new World({ way }).opened())
      for (let i = 0; i < 60; i++) {
        world.alice.say(`to bob ${i}`)
        world.bob.say(`to alice ${i}`)
        world.pass(1000)
        assert.notStrictEqual(world.bob.path, Endpoint.format(malloryAt))
      }
      world.fate = () => [20]
      world.pass(20_000)
      assert.deepStrictEqual(world.bob.delivered, world.alice.said)
      assert.deepStrictEqual(world.alice.delivered, world.bob.said)
      assert.isUndefined(world.alice.ending ?? world.bob.ending)
    }
  })

  it("with an old record, or a late one, is not even asked", () => {
    const world = new World().opened()
    world.fate = () => []
    world.alice.sayFrames(Frame.keepAlive)
    const late = world.alice.sent.at(-1)!
    world.fate = () => [20]
    world.alice.say("newer")
    world.pass(50)
    world.deliver({ ...late, from: malloryAt })
    assert.isEmpty(world.bob.dropped)
    assert.isEmpty(sentTo(world.bob, malloryAt))
    assert.deepStrictEqual(world.bob.delivered, ["newer"])
  })

  it("gets one answer for many challenges in one record, as short as it can be", () => {
    const world = new World().opened()
    world.fate = () => []
    const challenges = Array.from({ length: 100 }, (_, i): Frame.Frame => ({
      _tag: "PathChallenge",
      data: bytesOf(`challenge ${i}`, 8),
    }))
    world.alice.sayFrames(...challenges)
    world.deliver({ ...world.alice.sent.at(-1)!, from: malloryAt })
    const answers = sentTo(world.bob, malloryAt)
    assert.lengthOf(answers, 1)
    assert.lengthOf(answers[0]!.payload, RecordHeader.minRecordBytes)
  })

  it("that is no host's is answered nothing, whatever authentic record seems to come from there", () => {
    for (const address of ["224.0.0.1", "0.0.0.0", "255.255.255.255", "169.254.1.1", "ff02::1"]) {
      const world = new World().opened()
      world.fate = () => []
      world.alice.sayFrames({ _tag: "PathChallenge", data: bytesOf("challenge", 8) })
      const before = world.bob.sent.length
      world.deliver({ ...world.alice.sent.at(-1)!, from: { address, port: 7 } })
      assert.isEmpty(world.bob.dropped)
      assert.lengthOf(world.bob.sent, before)
    }
  })
})

describe("floods", () => {
  it("of junk are dropped without a word, and a chat goes on in between", () => {
    const world = new World().opened()
    const before = knowledge(world.bob)
    const sent = world.bob.sent.length
    const index = world.bob.layer.slots.current.epoch.index.receive
    for (let i = 0; i < 3000; i++) {
      const junk = bytesOf(`junk ${i}`, 96 + 64 * (i % 18))
      if (i % 2 === 0) RecordHeader.write(junk, 0, i % 4 === 0 ? index : i, 1000 + i)
      world.bob.receive(junk, i % 3 === 0 ? aliceAt : malloryAt)
    }
    assert.deepStrictEqual(knowledge(world.bob), before)
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

  it("of pieces of messages and rekeys that never end take a bounded place", () => {
    const world = new World().opened()
    for (let i = 0; i < 1000; i++) {
      // Beyond the first byte, which never comes, with a gap after each; and far beyond what bob takes.
      world.alice.sayFrames({ _tag: "Data", offset: 1 + 1000 * i, bytes: new Uint8Array(999) })
      world.alice.sayFrames({ _tag: "Data", offset: 2 ** 40 + i, bytes: new Uint8Array(1000) })
      world.alice.sayFrames({ _tag: "Rekey1", epoch: 1, part: 1, parts: 2, bytes: new Uint8Array(1100) })
      world.pass(1)
    }
    world.pass(50)
    const { pieces } = world.bob.delivery.receiving
    assert.isAtMost(pieces.length, 512)
    assert.isAtMost(
      pieces.reduce((sum, { slab }) => sum + slab.bytes.buffer.byteLength, 0),
      3 * ReceiveStream.window,
    )
    assert.isAtMost(world.bob.state.rekey.parts?.length ?? 0, 2)
    assert.isEmpty(world.bob.delivered)
    assert.isUndefined(world.bob.ending)
  })
})
