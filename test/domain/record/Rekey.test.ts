import { assert, describe, it } from "@effect/vitest"
import type { Primitives } from "../../../src/domain/crypto/Primitives.ts"
import * as Epoch from "../../../src/domain/record/Epoch.ts"
import * as Frame from "../../../src/domain/record/Frame.ts"
import * as RecordHeader from "../../../src/domain/record/RecordHeader.ts"
import * as Rekey from "../../../src/domain/record/Rekey.ts"
import { bytesOf, primitives } from "../crypto/primitives.ts"
import { chatKeys } from "./keys.ts"
import { World } from "./SealedWorld.ts"

const keys = chatKeys()
const at = (millis: number) => ({ monotonic: millis, wall: 1e12 + millis })

/** One side, event by event. */
const side = (name: "alice" | "bob", chat = keys, luck = name as string, tools: Primitives = primitives) => {
  const { isInitiator, callId, self, peer } = chat[name]
  let drawn = 0
  const randomBytes = (length: number) => bytesOf(`${luck} draws ${drawn++}`, length)
  let state = Rekey.initial(
    { isInitiator, callId, staticSecret: self.staticSecret, peerStaticKey: peer.staticKey },
    Epoch.first(chat[name]),
    at(0),
  )
  const on = (event: Rekey.Event) => {
    const [next, actions] = Rekey.step({ primitives: tools, randomBytes }, state, event)
    state = next
    return actions
  }
  return {
    state: () => state,
    due: (millis: number, used = 0) => on({ _tag: "Due", used, at: at(millis) }),
    opened: (millis: number, advanced = false) => on({ _tag: "Opened", advanced, at: at(millis) }),
    hears: (frames: ReadonlyArray<Frame.Frame>, millis: number) =>
      frames.flatMap((frame) =>
        frame._tag === "Rekey1" || frame._tag === "Rekey2" ? on({ _tag: "Heard", frame, at: at(millis) }) : [],
      ),
  }
}

const tags = (actions: ReadonlyArray<Rekey.Action>) =>
  actions.map((action) =>
    action._tag === "Send" ? `Send ${action.frames.map((it) => it._tag).join(" ")}` : action._tag,
  )
const framesOf = (actions: ReadonlyArray<Rekey.Action>): ReadonlyArray<Frame.Frame> =>
  actions.flatMap((action) => (action._tag === "Send" ? action.frames : []))
const epochOf = (actions: ReadonlyArray<Rekey.Action>) =>
  actions.flatMap((action) => (action._tag === "Adopt" || action._tag === "Prepare" ? [action.epoch] : []))[0]!

/** The same message with one byte changed. */
const changed = (frames: ReadonlyArray<Frame.Frame>, byte: number) =>
  frames.map((frame) =>
    frame._tag === "Rekey1" || frame._tag === "Rekey2"
      ? { ...frame, bytes: frame.bytes.with(byte, frame.bytes[byte]! ^ 1) }
      : frame,
  )

/** Both sides have the keys of epoch 1, made at 120 seconds; the responder has seen nothing of it yet. */
const exchanged = () => {
  const [alice, bob] = [side("alice"), side("bob")]
  const question = framesOf(alice.due(120_000))
  const answer = framesOf(bob.hears(question, 120_000))
  const adopted = alice.hears(answer, 120_000)
  return { alice, bob, question, answer, adopted }
}

/** After 29 rekeys, an hour after the handshake but for the next one. */
const atTheHour = (tools: Primitives = primitives) => {
  const [alice, bob] = [side("alice", keys, "alice", tools), side("bob")]
  for (let n = 1; n <= 29; n++) {
    const now = n * 120_000
    alice.hears(framesOf(bob.hears(framesOf(alice.due(now)), now)), now)
    bob.opened(now, true)
    alice.opened(now)
  }
  return { alice, bob }
}

describe("new keys", () => {
  it("are asked for by the initiator after 120 seconds, and every 500 ms until they are there", () => {
    const alice = side("alice")
    assert.strictEqual(Rekey.dueAt(alice.state()), 120_000)
    assert.deepStrictEqual(alice.due(119_999), [])
    const first = alice.due(120_000)
    assert.deepStrictEqual(tags(first), ["Send Rekey1"])
    assert.strictEqual(Rekey.dueAt(alice.state()), 120_500)
    assert.deepStrictEqual(alice.due(120_499), [])
    assert.deepStrictEqual(alice.due(120_500), first)
    assert.deepStrictEqual(alice.due(121_000), first)
  })

  it("are asked for by nobody else", () => {
    const bob = side("bob")
    assert.deepStrictEqual(bob.due(120_000, 2 ** 30), [])
    assert.isFalse(Rekey.isWorn(bob.state(), 2 ** 30))
  })

  it("are asked for after 2^20 records of either side, whatever the time", () => {
    const alice = side("alice")
    assert.isFalse(Rekey.isWorn(alice.state(), 2 ** 20 - 1))
    assert.isTrue(Rekey.isWorn(alice.state(), 2 ** 20))
    assert.deepStrictEqual(tags(alice.due(10, 2 ** 20)), ["Send Rekey1"])
    assert.isFalse(Rekey.isWorn(alice.state(), 2 ** 20 + 1))

    for (const name of ["alice", "bob"] as const) {
      const world = new World().opened()
      world[name].layer.slots.current.counter = 2 ** 20 - 1
      world[name].say("the last but one")
      world[name].say("the last")
      world.pass(200)
      assert.deepStrictEqual([world.alice.epoch, world.bob.epoch], [1, 1], name)
    }
  })

  it("are the same on both sides, and others than before", () => {
    const { bob, adopted, question } = exchanged()
    const ofAlice = epochOf(adopted)
    const again = framesOf(bob.hears(question, 121_000))
    const state = bob.state()
    assert.strictEqual(state.exchange._tag, "Answered")
    if (state.exchange._tag !== "Answered") return
    const ofBob = state.exchange.epoch
    assert.deepStrictEqual(ofAlice.record.send, ofBob.record.receive)
    assert.deepStrictEqual(ofAlice.record.receive, ofBob.record.send)
    assert.strictEqual(ofAlice.index.send, ofBob.index.receive)
    assert.deepStrictEqual(ofAlice.exporter, ofBob.exporter)
    assert.strictEqual(ofAlice.number, 1)
    assert.notDeepEqual(ofAlice.record.send, keys.alice.record.send)
    assert.notDeepEqual(ofAlice.exporter, keys.alice.exporter)
    assert.lengthOf(again, 1)
  })

  it("are answered with the same REKEY_2 however often the same is asked, and nothing is prepared a second time", () => {
    const { bob, question, answer } = exchanged()
    for (const millis of [120_001, 120_500, 130_000]) {
      const again = bob.hears(question, millis)
      assert.deepStrictEqual(tags(again), ["Send Rekey2"])
      assert.deepStrictEqual(framesOf(again), answer)
    }
  })

  it("are not made by another question while the first one stands; after five seconds they are", () => {
    const { bob } = exchanged()
    const question = framesOf(side("alice", keys, "other").due(120_000))
    assert.deepStrictEqual(bob.hears(question, 124_999), [])
    assert.deepStrictEqual(tags(bob.hears(question, 125_000)), ["Prepare", "Send Rekey2"])
  })

  it("come with ML-KEM once an hour, and only then", () => {
    const [alice, bob] = [side("alice"), side("bob")]
    const sizes: Array<number> = []
    for (let n = 1; n <= 61; n++) {
      const now = n * 120_000
      const question = framesOf(alice.due(now))
      const adopted = alice.hears(framesOf(bob.hears(question, now)), now)
      assert.strictEqual(epochOf(adopted).number, n)
      bob.opened(now, true)
      alice.opened(now)
      sizes.push(question.length)
    }
    assert.deepStrictEqual(
      sizes.flatMap((parts, i) => (parts === 2 ? [i + 1] : [])),
      [30, 60],
    )
  })

  it("with ML-KEM travel in two parts each, which come in either order, and lost ones again", () => {
    const { alice, bob } = atTheHour()
    const now = 3_600_000
    const question = framesOf(alice.due(now))
    assert.deepStrictEqual(
      question.map((frame) => (frame._tag === "Rekey1" ? frame.bytes.length : 0)),
      [1100, 182],
    )
    assert.deepStrictEqual(bob.hears(question.slice(1), now), [])
    const answer = framesOf(bob.hears(question.slice(0, 1), now))
    assert.deepStrictEqual(
      answer.map((frame) => (frame._tag === "Rekey2" ? frame.bytes.length : 0)),
      [1100, 38],
    )
    assert.deepStrictEqual(alice.hears(answer.slice(0, 1), now), [])
    assert.deepStrictEqual(tags(alice.hears([...answer].toReversed(), now)), ["Adopt", "Send Probe"])
  })

  it("are not made with an ML-KEM key that is none", () => {
    const { bob } = atTheHour()
    const { alice } = atTheHour({
      ...primitives,
      mlKem768: { ...primitives.mlKem768, publicKey: () => new Uint8Array(1184).fill(255) },
    })
    assert.deepStrictEqual(bob.hears(framesOf(alice.due(3_600_000)), 3_600_000), [])
  })

  it("are not made for another epoch than the next", () => {
    const { alice, bob } = exchanged()
    bob.opened(120_000, true)
    alice.opened(120_000)
    const [question] = framesOf(alice.due(240_000))
    assert.strictEqual(question?._tag, "Rekey1")
    if (question?._tag !== "Rekey1") return
    for (const epoch of [0, 1, 3, 258]) assert.deepStrictEqual(bob.hears([{ ...question, epoch }], 240_000), [])
    assert.deepStrictEqual(tags(bob.hears([question], 240_000)), ["Prepare", "Send Rekey2"])
  })

  it("are not made of a question or an answer with any byte changed; the genuine one still counts", () => {
    const [alice, bob] = [side("alice"), side("bob")]
    const question = framesOf(alice.due(120_000))
    let now = 120_000
    const later = () => (now += Rekey.deafMillis)
    for (let byte = 0; byte < 98; byte++) assert.deepStrictEqual(bob.hears(changed(question, byte), later()), [])
    const answer = framesOf(bob.hears(question, later()))
    for (let byte = 0; byte < 50; byte++) assert.deepStrictEqual(alice.hears(changed(answer, byte), later()), [])
    assert.deepStrictEqual(tags(alice.hears(answer, later())), ["Adopt", "Send Probe"])
  })

  it("that open nothing are tried ten times a second, and no more: each try costs a handshake", () => {
    let tries = 0
    const sharedSecret = (secret: Uint8Array, key: Uint8Array) => {
      tries += 1
      return primitives.x25519.sharedSecret(secret, key)
    }
    const counting: Primitives = { ...primitives, x25519: { ...primitives.x25519, sharedSecret } }
    const one = () => {
      const bob = side("bob", keys, "bob", counting)
      tries = 0
      return bob
    }
    const [alice, thief] = [side("alice"), side("alice", keys, "thief")]
    const genuine = framesOf(alice.due(120_000))
    const garbage = changed(framesOf(thief.due(120_000)), 97)
    one().hears(garbage, 120_000)
    const each = tries
    assert.isAbove(each, 0)
    const bob = one()
    for (let millis = 0; millis < 1000; millis++) {
      for (let i = 0; i < 12; i++) assert.deepStrictEqual(bob.hears(garbage, 120_000 + millis), [])
    }
    assert.strictEqual(tries, 10 * each)
    assert.deepStrictEqual(tags(bob.hears(genuine, 121_000)), ["Prepare", "Send Rekey2"])
  })

  it("are not had by who has stolen a static key, but was not there in the epoch before; the genuine ones still come", () => {
    const [alice, bob] = [side("alice"), side("bob")]
    const thief = side("alice", { ...keys, alice: { ...keys.alice, exporter: bytesOf("guessed", 32) } }, "thief")
    const answer = framesOf(bob.hears(framesOf(thief.due(120_000)), 120_000))
    assert.deepStrictEqual(thief.hears(answer, 120_000), [])
    const genuine = framesOf(bob.hears(framesOf(alice.due(125_000)), 125_000))
    assert.deepStrictEqual(tags(alice.hears(genuine, 125_000)), ["Adopt", "Send Probe"])
  })

  it("are not made for somebody else who knows the running keys", () => {
    const bob = side("bob")
    const thief = { ...keys, alice: { ...keys.alice, self: { staticSecret: bytesOf("mallory", 32) } } }
    assert.deepStrictEqual(bob.hears(framesOf(side("alice", thief).due(120_000)), 120_000), [])
  })
})

describe("the initiator", () => {
  it("asks for a record of the new epoch every 500 ms until one comes", () => {
    const { alice, adopted } = exchanged()
    assert.deepStrictEqual(tags(adopted), ["Adopt", "Send Probe"])
    assert.deepStrictEqual(tags(alice.due(120_500)), ["Send Probe"])
    assert.deepStrictEqual(tags(alice.due(121_000)), ["Send Probe"])
    alice.opened(121_100)
    assert.deepStrictEqual(alice.due(121_500), [])
  })

  it("forgets the previous keys 30 seconds after it has new ones", () => {
    const { alice } = exchanged()
    alice.opened(120_100)
    assert.deepStrictEqual(alice.due(149_999), [])
    assert.deepStrictEqual(tags(alice.due(150_000)), ["ForgetPrevious"])
    assert.deepStrictEqual(alice.due(150_001), [])
  })
})

describe("the responder", () => {
  it("forgets the previous keys 30 seconds after the first record of the new epoch", () => {
    const { bob } = exchanged()
    assert.deepStrictEqual(bob.due(160_000), [])
    bob.opened(160_000, true)
    assert.deepStrictEqual(bob.due(189_999), [])
    assert.deepStrictEqual(tags(bob.due(190_000)), ["ForgetPrevious"])
  })

  it("counts the age of keys from when it made them", () => {
    const { bob } = exchanged()
    bob.opened(150_000, true)
    assert.isFalse(Rekey.isExpired(bob.state(), at(300_000)))
    assert.isTrue(Rekey.isExpired(bob.state(), at(300_001)))
  })
})

describe("keys that nobody has renewed", () => {
  it("are not used when they are older than 180 seconds, by either clock", () => {
    for (const name of ["alice", "bob"] as const) {
      const it = side(name)
      assert.notInclude(tags(it.due(180_000)), "Expired")
      assert.deepStrictEqual(tags(it.due(180_001)), ["Expired"])
      assert.isTrue(Rekey.isExpired(it.state(), { monotonic: 10, wall: 1e12 + 180_001 }))
      assert.isFalse(Rekey.isExpired(it.state(), { monotonic: 10, wall: 0 }))
    }
  })
})

describe("with records lost, late and doubled", () => {
  const rekeyed = (choose: (world: World) => World["fate"]) => {
    const world = new World().opened()
    world.fate = choose(world)
    world.timeline.advance(120_000 + 8000)
    return world
  }

  it("a REKEY_2 that is lost is sent again, and the chat goes on", () => {
    for (const lost of [1, 2, 5]) {
      let count = 0
      const world = rekeyed(
        (world) =>
          ({ from }) =>
            from === world.bob.address && world.bob.layer.slots.next !== undefined && count++ < lost ? [] : [20],
      )
      assert.isAtLeast(count, lost)
      assert.deepStrictEqual([world.alice.epoch, world.bob.epoch], [1, 1])
    }
  })

  it("a first record of the new epoch that is lost is followed by others", () => {
    let count = 0
    const world = rekeyed((world) => ({ payload }) => {
      const isNew = RecordHeader.epoch(payload) === 1
      return isNew && world.bob.epoch === 0 && count++ < 6 ? [] : [20]
    })
    assert.strictEqual(count, 7)
    assert.deepStrictEqual([world.alice.epoch, world.bob.epoch], [1, 1])
  })

  it("records of the previous epoch that come late are still read, for 30 seconds", () => {
    const world = new World().opened()
    world.fate = () => []
    world.bob.sayFrames(Frame.probe)
    world.bob.sayFrames(Frame.probe)
    const [late, tooLate] = world.bob.sent.slice(-2)
    world.fate = () => [20]
    world.timeline.advance(121_000)
    assert.strictEqual(world.alice.epoch, 1)
    const sent = world.alice.sent.length
    world.deliver(late!)
    assert.lengthOf(world.alice.sent, sent + 1)
    world.pass(31_000)
    assert.isEmpty(world.alice.dropped)
    world.deliver(tooLate!)
    assert.strictEqual(world.alice.dropped.at(-1), "UnknownIndex")
  })
})
