import { assert, describe, it } from "@effect/vitest"
import * as Delivery from "../../../src/domain/delivery/Delivery.ts"
import { blackout, calm, Channel, randomOf, type Side, type Weather } from "./Channel.ts"

/** Runs a story for each of so many seeds. What fails says which one: `story(randomOf(seed))` repeats it. */
const forSeeds = (count: number, story: (random: () => number) => void): void => {
  for (let seed = 1; seed <= count; seed++) {
    try {
      story(randomOf(seed))
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause })
    }
  }
}

const below = (random: () => number, limit: number): number => Math.floor(random() * limit)

const weatherOf = (random: () => number): Weather => ({
  loss: random() * 0.4,
  duplication: random() * 0.3,
  delay: random() < 0.2 ? random() * 1500 : random() * 80,
  jitter: random() < 0.2 ? random() * 2000 : random() * 100,
})

const pattern = Uint8Array.from({ length: 70_000 }, (_, i) => i * 7 + (i >>> 8))

/** A body of some length: mostly a line, now and then a long text. */
const bodyOf = (random: () => number): Uint8Array => {
  const kind = random()
  const length = kind < 0.1 ? 0 : kind < 0.9 ? below(random, 200) : kind < 0.97 ? below(random, 8000) : 65_536
  const first = below(random, 1000)
  return pattern.subarray(first, first + length)
}

const doings: ReadonlyArray<(channel: Channel, side: Side, random: () => number) => void> = [
  (_, side, random) => side.say(bodyOf(random)),
  (_, side, random) => side.say(bodyOf(random)),
  (_, side, random) => side.say(...Array.from({ length: below(random, 60) }, () => bodyOf(random).subarray(0, 300))),
  (_, side) => side.skip(),
  (channel, _, random) => {
    channel.weather = random() < 0.2 ? blackout : weatherOf(random)
  },
  (_, side) => side.rekey(),
  (_, side) => side.move(),
  (channel, _, random) => {
    if (random() < 0.7) return
    channel.alice.resume()
    channel.bob.resume()
  },
  (_, side, random) => {
    side.takes = random() < 0.5
  },
  (_, side, random) => side.take(below(random, side.untaken + 1)),
]

/** The network is well again, and everything is read. */
const heal = (channel: Channel): void => {
  channel.weather = calm
  for (const side of [channel.alice, channel.bob]) {
    side.takes = true
    side.take()
  }
  channel.settle(300_000)
}

describe("what two sides say, whatever is lost, doubled, late or out of order", () => {
  it("arrives once and in order, in bounded memory, and then both are still", () => {
    forSeeds(50, (random) => {
      const channel = new Channel(random, weatherOf(random))
      for (let i = 0; i < 40; i++) {
        const side = random() < 0.5 ? channel.alice : channel.bob
        side.say(bodyOf(random))
        channel.pass(random() * 200)
      }
      heal(channel)
      channel.assertDelivered()
    })
  })

  it("does so too where paths, keys and readers change on the way", () => {
    forSeeds(100, (random) => {
      const channel = new Channel(random, weatherOf(random))
      for (let i = 0; i < 60; i++) {
        const side = random() < 0.5 ? channel.alice : channel.bob
        doings[below(random, doings.length)]!(channel, side, random)
        channel.pass(random() < 0.05 ? random() * 60_000 : random() * 150)
      }
      heal(channel)
      channel.assertDelivered()
    })
  })

  it("does so though the reader takes a while for everything, and more than fits is said", () => {
    forSeeds(6, (random) => {
      const channel = new Channel(random, { loss: 0.05, duplication: 0.05, delay: 10, jitter: 10 })
      const { alice, bob } = channel
      bob.takes = false
      const line = Uint8Array.from({ length: 400 }, (_, i) => i)
      for (let i = 0; i < 100; i++) {
        alice.say(...Array.from({ length: 30 }, () => line))
        channel.pass(100)
        bob.take(below(random, Math.min(40, bob.untaken + 1)))
      }
      assert.isFalse(Delivery.isIdle(alice.state))
      for (let i = 0; i < 2000 && !Delivery.isIdle(alice.state); i++) {
        bob.take(Math.min(bob.untaken, 60))
        channel.pass(200)
      }
      heal(channel)
      channel.assertDelivered()
    })
  })
})
