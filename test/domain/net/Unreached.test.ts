import { assert, describe, it } from "@effect/vitest"
import * as Unreached from "../../../src/domain/net/Unreached.ts"

const explain = (unreached: Partial<Unreached.Unreached>) =>
  Unreached.explain(
    { because: "Peer_silent", direct: "No_answer", relay: "auto", relayLost: undefined, ...unreached },
    "bob",
  )

const directs = ["Udp_blocked", "Peer_udp_blocked", "Both_random", "No_port", "No_answer"] as const
const losses = [undefined, "Relay_refused", "Server_lost", "Peer_gone", "Call_ended"] as const

describe("why a chat never began", () => {
  it("is one sentence, and what to do about it, whatever is known", () => {
    for (const relay of ["auto", "never", "always"] as const) {
      for (const direct of directs) {
        for (const relayLost of losses) {
          const { message, hint } = explain({ relay, direct, relayLost })
          assert.match(message, /^bob could not be reached: [^.]+\.$/)
          assert.match(hint, /^[A-Z].*\.$/)
        }
      }
    }
  })

  it("is the own wish where the relay is not wanted here, with what was in the way of a direct path", () => {
    for (const direct of directs) {
      const { message, hint } = explain({ relay: "never", direct })
      assert.include(message, "you do not want the relay (--relay never)")
      assert.match(hint, /^Start again without --relay never/)
    }
    assert.include(explain({ relay: "never", direct: "Udp_blocked" }).message, "UDP does not pass where you are")
    assert.include(explain({ relay: "never", direct: "Peer_udp_blocked" }).message, "UDP does not pass where they are")
  })

  it("may be the other side's wish where nothing came by the relay", () => {
    for (const relay of ["auto", "always"] as const) {
      for (const relayLost of [undefined, "Call_ended"] as const) {
        const { message, hint } = explain({ relay, relayLost })
        assert.include(message, "nothing came by the relay")
        assert.include(hint, "ask them to drop --relay never")
      }
    }
    assert.include(explain({ relay: "always" }).hint, "Start again without --relay always")
  })

  it("is no wish of the other side where the server relays nothing, or one of the two is not there", () => {
    for (const relayLost of ["Relay_refused", "Server_lost", "Peer_gone"] as const) {
      for (const relay of ["auto", "always"] as const)
        assert.notInclude(explain({ relay, relayLost }).hint, "--relay never")
    }
  })
})
