import { assert, describe, it } from "@effect/vitest"
import * as Conversation from "../../src/domain/Conversation.ts"
import { alice, connect, keepAlive, text } from "./ConversationSide.ts"

describe("the token of the original dialect (SPEC section 8.4)", () => {
  it("is sent first by the side with the higher number", () => {
    assert.deepStrictEqual(alice("original", { number: 100 }).hears(connect(99), 0), [
      "opened bob",
      "send Connect",
      "send KeepAlive",
    ])
    for (const number of [100, 101, 2147483647]) {
      assert.deepStrictEqual(alice("original", { number: 100 }).hears(connect(number), 0), [
        "opened bob",
        "send Connect",
      ])
    }
    assert.include(alice("original", { number: 0 }).hears(connect(-2147483648), 0), "send KeepAlive")
  })

  it("received is kept for three seconds, then returned", () => {
    const a = alice("original", { number: -1 })
    a.hears(connect(), 0)
    assert.deepStrictEqual(a.hears(keepAlive(), 1000), [])
    for (const now of [2000, 3000, 3999]) assert.deepStrictEqual(a.beat(now), [])
    assert.deepStrictEqual(a.beat(4000), ["send KeepAlive"])
    assert.deepStrictEqual(a.beat(5000), [])
  })

  it("that comes while one is here becomes one with it, and goes back at once to whoever waits for it", () => {
    const a = alice("original", { number: -1 })
    a.hears(connect(), 0)
    assert.deepStrictEqual(a.hears(keepAlive(), 1000), [])
    assert.deepStrictEqual(a.hears(keepAlive(), 1500), ["send KeepAlive"])
    assert.deepStrictEqual(a.beat(2000), [])
  })

  it("is returned at most once a second, however many come", () => {
    const a = alice("original", { number: -1 })
    a.hears(connect(), 0)
    let returned = 0
    for (let now = 0; now < 10_000; now += 5) returned += a.hears(keepAlive(), now).length
    assert.isAtMost(returned, 11)
    assert.isAtLeast(returned, 9)
  })

  it("that is lost is replaced seven seconds after the last one seen, by whoever is there, every second", () => {
    for (const number of [-1, 0]) {
      const a = alice("original", { number })
      a.hears(connect(), 0)
      const sent = []
      for (let now = 1000; now < 10_000; now += Conversation.tokenBeatMillis) {
        if (a.beat(now).length > 0) sent.push(now)
      }
      assert.deepStrictEqual(sent, [7000, 8000, 9000])
    }
  })

  it("reaches the older program within 20 seconds, though three in a row are lost", () => {
    const a = alice("original", { number: -1 })
    a.hears(connect(), 0)
    a.hears(keepAlive(), 1000)
    const sent = []
    for (let now = 1000; now < 20_000; now += Conversation.tokenBeatMillis) if (a.beat(now).length > 0) sent.push(now)
    assert.isAtLeast(sent.length, 4)
    assert.isBelow(sent[3]! - 1000, 20_000)
  })

  it("missing for 20 seconds is the end: echoed Connects are no sign of life (SPEC section 5)", () => {
    const a = alice("original", { number: -1 })
    a.hears(connect(5), 0)
    for (let now = 0; now < 20_000; now += 100) a.hears(connect(5), now)
    assert.deepStrictEqual(a.silence(20_000), ["ended timeout"])
  })

  it("is the only sign of life: a program that has given up still sends what is typed (SPEC sections 5, 8.5)", () => {
    const a = alice("original", { number: -1 })
    a.hears(connect(5), 0)
    a.hears(text("hi"), 15_000)
    assert.deepStrictEqual(a.silence(20_000), ["ended timeout"])
  })

  it("is negotiated anew with a program that was started anew: it has another number", () => {
    const a = alice("original", { number: 100 })
    a.hears(connect(200), 0)
    a.hears(keepAlive(), 1000)
    assert.deepStrictEqual(a.hears(connect(50), 10_000), ["send Connect", "send KeepAlive"])
    assert.deepStrictEqual(a.hears(connect(50), 10_250), ["send Connect"])
    a.hears(keepAlive(), 10_300)
    assert.strictEqual(a.silentAt(), 30_300)
  })
})

describe("a Connect of the older program that has shown to be connected", () => {
  it("is an echo, and not answered when it comes within two seconds of the Connect it echoes", () => {
    const a = alice("original", { number: -1 })
    a.hears(connect(5), 0)
    a.hears(keepAlive(), 100)
    for (let now = 100; now < 2000; now += 10) assert.deepStrictEqual(a.hears(connect(5), now), [])
  })

  it("is answered when it goes on: what was taken for its sign of life was of a program before it", () => {
    const a = alice("original", { number: -1 })
    a.hears(keepAlive(), 0)
    assert.deepStrictEqual(a.hears(connect(5), 300), ["send Connect"])
    a.hears(keepAlive(), 310)
    assert.deepStrictEqual(a.hears(connect(5), 2299), [])
    assert.deepStrictEqual(a.hears(connect(5), 2300), ["send Connect"])
    assert.deepStrictEqual(a.hears(connect(5), 2320), [])
  })
})
