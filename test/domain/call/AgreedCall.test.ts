import { assert, describe, it } from "@effect/vitest"
import * as AgreedCall from "../../../src/domain/call/AgreedCall.ts"
import type { LinkMessage } from "../../../src/domain/call/LinkChannel.ts"
import * as LinkChannel from "../../../src/domain/call/LinkChannel.ts"
import * as CallWorld from "./CallWorld.ts"
import { alice, bob, byName } from "./handshakes.ts"

const { story, told } = CallWorld

const candidates = (body: number | Uint8Array): LinkMessage => ({
  type: LinkChannel.candidates,
  body: typeof body === "number" ? new Uint8Array([body]) : body,
})

/** Alice and bob have agreed, and the server has brought them together. */
const agreed = () => {
  const world = CallWorld.make(alice, bob)
  const [a, b] = world.parties
  b.config = { ...b.config, admits: () => "Accept" }
  const callId = world.dial(a, byName(bob))
  world.run()
  assert.deepStrictEqual(story(a), ["Established", "TryPort", "Start"])
  return { world, a, b, callId }
}

const bodies = (party: CallWorld.Party) => told(party, "Told").map(({ message }) => message.body[0])

describe("a call that is agreed on", () => {
  it("carries sealed messages both ways, in their order", () => {
    const { world, a, b, callId } = agreed()
    for (const body of [1, 2, 3]) world.tell(a, { _tag: "Tell", callId, message: candidates(body) })
    world.tell(b, { _tag: "Tell", callId, message: candidates(9) })
    world.run()
    assert.deepStrictEqual(told(b, "Told")[0], { _tag: "Told", callId, message: candidates(1) })
    assert.deepStrictEqual(bodies(b), [1, 2, 3])
    assert.deepStrictEqual(bodies(a), [9])
  })

  it("ignores messages of types it does not know, and reads the next one", () => {
    const { world, a, b, callId } = agreed()
    world.tell(a, { _tag: "Tell", callId, message: { type: 77, body: new Uint8Array(3) } })
    world.tell(a, { _tag: "Tell", callId, message: LinkChannel.noSuchChat })
    world.tell(a, { _tag: "Tell", callId, message: candidates(2) })
    world.run()
    assert.deepStrictEqual(bodies(b), [2])
  })

  it("sends no more than the server takes: the last message waits, and those before it are not needed", () => {
    const { world, a, b, callId } = agreed()
    for (let i = 0; i < 100; i++) world.tell(a, { _tag: "Tell", callId, message: candidates(i) })
    world.run()
    assert.deepStrictEqual(
      bodies(b),
      Array.from({ length: 40 }, (_, i) => i),
    )
    world.wait(10_000)
    world.run()
    assert.deepStrictEqual(bodies(b).slice(40), [99])
    world.wait(3_600_000)
    world.run()
    assert.strictEqual(bodies(b).length, 41)
    // In the long run one each ten seconds, and all that was saved up at once.
    for (let i = 0; i < 100; i++) world.tell(a, { _tag: "Tell", callId, message: candidates(i) })
    world.run()
    assert.strictEqual(bodies(b).length, 81)
  })

  it("seals a message into less than a KiB, and sends none that is longer", () => {
    const { world, a, b, callId } = agreed()
    world.tell(a, { _tag: "Tell", callId, message: candidates(new Uint8Array(AgreedCall.maxBodyBytes)) })
    const { line } = world.until("Pass")
    assert.isBelow(line.data.length, 1024)
    world.serve({ from: a, line })
    assert.strictEqual(bodies(b).length, 1)
    assert.deepStrictEqual(
      world.tell(a, { _tag: "Tell", callId, message: candidates(new Uint8Array(AgreedCall.maxBodyBytes + 1)) }),
      [],
    )
  })

  it("is gone when the server or the other side ends it, when the link is lost and when it is over here: once, and for good", () => {
    const ends = {
      "Gone Peer_gone": ({ world, a, callId }: ReturnType<typeof agreed>) =>
        world.tell(a, { _tag: "Ended", callId, code: "Peer_gone" }),
      "Gone Failed": ({ world, b, callId }: ReturnType<typeof agreed>) => {
        world.tell(b, { _tag: "Cancel", callId })
        world.run()
      },
      "Gone Server_lost": ({ world, a }: ReturnType<typeof agreed>) => world.tell(a, { _tag: "LinkLost" }),
      "Gone Cancelled": ({ world, a, callId }: ReturnType<typeof agreed>) => world.tell(a, { _tag: "Cancel", callId }),
    }
    for (const [gone, end] of Object.entries(ends)) {
      const stage = agreed()
      const { world, a, callId } = stage
      end(stage)
      assert.strictEqual(story(a).at(-1), gone)
      const before = story(a).length
      for (const event of [
        { _tag: "Cancel", callId },
        { _tag: "Tell", callId, message: candidates(1) },
        { _tag: "Ended", callId, code: "Failed" },
        { _tag: "AskedPort", callId, port: 1 },
        { _tag: "StartChat", callId, endpoint: undefined },
        { _tag: "LinkLost" },
      ] as const) {
        assert.deepStrictEqual(world.tell(a, event), [], event._tag)
      }
      assert.strictEqual(story(a).length, before)
      assert.strictEqual(a.state.calls.size, 0)
    }
  })

  it("is over for the server and the other side when it is over here", () => {
    const { world, a, b, callId } = agreed()
    world.tell(a, { _tag: "Cancel", callId })
    assert.deepStrictEqual(world.queue.at(-1)?.line, { _tag: "End", callId, code: "Failed" })
    world.run()
    assert.strictEqual(story(b).at(-1), "Gone Failed")
  })
})

describe("a port", () => {
  it("may be found to be none: only the server's way is left", () => {
    const { world, a, b, callId } = (() => {
      const world = CallWorld.make(alice, bob)
      const [a, b] = world.parties
      b.config = { ...b.config, admits: () => "Accept" }
      const callId = world.dial(a, byName(bob))
      world.until("Accept")
      return { world, a, b, callId }
    })()
    for (const party of [a, b]) {
      assert.deepStrictEqual(world.tell(party, { _tag: "StartChat", callId, endpoint: undefined }), [
        { _tag: "Start", callId, endpoint: undefined },
      ])
      // Once is enough.
      const endpoint = { address: "192.0.2.1", port: 55_000 }
      assert.deepStrictEqual(world.tell(party, { _tag: "StartChat", callId, endpoint }), [])
    }
  })

  it("is never tried by who wants all to go through the server, and no address is taken", () => {
    const world = CallWorld.make(alice, bob)
    const [a, b] = world.parties
    a.config = { ...a.config, relayOnly: true }
    b.config = { ...b.config, admits: () => "Accept" }
    const callId = world.dial(a, byName(bob))
    world.run()
    const sent = world.lines.filter(({ from }) => from === a).map(({ line }) => line)
    assert.deepStrictEqual(sent.at(-1), { _tag: "NoPortWanted", callId })
    assert.deepStrictEqual(a.told.slice(1), [{ _tag: "Start", callId, endpoint: undefined }])
    assert.deepStrictEqual(world.tell(a, { _tag: "AskedPort", callId, port: undefined }), [])
  })
})
