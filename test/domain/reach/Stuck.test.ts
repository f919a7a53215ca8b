import { assert, describe, it } from "@effect/vitest"
import * as NatMapping from "../../../src/domain/reach/NatMapping.ts"
import * as Stuck from "../../../src/domain/reach/Stuck.ts"

const random: NatMapping.NatMapping = { _tag: "Random" }

/** Both sides have told each other where they are, nothing is in the way, and the relay carries the chat. */
const because = (facts: Partial<Stuck.Facts>) =>
  Stuck.because({
    isRelayOnly: false,
    isReached: true,
    isPortless: false,
    isTold: true,
    isHeard: true,
    own: NatMapping.unknown,
    other: NatMapping.unknown,
    relay: undefined,
    ...facts,
  })

describe("why a chat has no direct path", () => {
  it("is UDP that does not pass, on the own side first", () => {
    assert.strictEqual(because({ own: NatMapping.blocked, other: NatMapping.blocked }), "Udp_blocked")
    assert.strictEqual(because({ other: NatMapping.blocked }), "Peer_udp_blocked")
  })

  it("is the NATs where both are symmetric, and no answer where one is", () => {
    assert.strictEqual(because({ own: random, other: random }), "Both_random")
    assert.strictEqual(because({ own: random }), "No_answer")
  })

  it("is nothing to be told of where only the relay is wanted", () => {
    assert.isUndefined(because({ isRelayOnly: true }))
    assert.strictEqual(because({ isPortless: true }), "No_port")
  })
})

describe("why a chat has no path at all", () => {
  it("is a server that relays nothing, or one that is away", () => {
    assert.strictEqual(because({ isReached: false, relay: "Relay_refused" }), "Relay_refused")
    assert.strictEqual(because({ isReached: false, relay: "Server_lost" }), "No_relay")
    assert.strictEqual(because({ isReached: false, isRelayOnly: true, relay: "Server_lost" }), "No_relay")
  })

  it("is the own wish where no direct path is looked for and the relay is not wanted", () => {
    assert.strictEqual(
      because({ isReached: false, isPortless: true, relay: "never", isHeard: false }),
      "Relay_unwanted",
    )
  })

  it("is the other side's silence where the relay is there", () => {
    assert.strictEqual(because({ isReached: false }), "Peer_silent")
    assert.strictEqual(because({ isReached: false, own: NatMapping.blocked }), "Peer_silent")
  })

  it("is that the other side is away where the server says so, and not its relay", () => {
    assert.strictEqual(because({ isReached: false, relay: "Peer_gone" }), "Peer_silent")
    assert.strictEqual(because({ isReached: false, relay: "Peer_gone", own: NatMapping.blocked }), "Peer_silent")
    assert.strictEqual(because({ isReached: false, relay: "Peer_gone", isRelayOnly: true }), "Peer_silent")
  })

  it("is an answer that never came where the relay is not wanted, and silence where one has come before", () => {
    assert.strictEqual(because({ isReached: false, relay: "never", isHeard: false }), "No_answer")
    assert.strictEqual(because({ isReached: false, relay: "never" }), "Peer_silent")
    assert.strictEqual(because({ isReached: false, relay: "never", isHeard: false, isTold: false }), "Peer_silent")
  })
})
