/**
 * Three people who call, accept and hang up as they like, at a server that drops, holds back, repeats, misdelivers and
 * makes up lines. Whatever happens: nobody is asked for a port or sent anywhere who has not agreed, both ends of a chat
 * have the same keys and know each other, and of each call exactly one of `Established`, `CallFailed`, `Merged` is told,
 * and after the first of them one `Gone` at last, and nothing after that.
 */
import { assert, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Calls from "../../../src/domain/call/Calls.ts"
import * as LinkChannel from "../../../src/domain/call/LinkChannel.ts"
import * as Bytes from "../../../src/domain/crypto/Bytes.ts"
import * as arbitraries from "../arbitraries.ts"
import * as CallWorld from "./CallWorld.ts"
import { alice, bob, byId, byName, hashOf, mallory, shared } from "./handshakes.ts"

type Turn = readonly [kind: number, a: number, b: number]
const turn: Arbitrary.Arbitrary<Turn> = arbitraries.mapAll(
  [arbitraries.integer(0, 25), arbitraries.integer(0, 1 << 20), arbitraries.integer(0, 1 << 20)],
  ([kind, a, b]) => [kind, a, b] as const,
)

const people = [alice, bob, mallory]
/** Chats of before: of the first kind everybody knows, of the second nobody. */
const chats = [CallWorld.someCallId("known"), CallWorld.someCallId("unknown")] as const
const message = { type: LinkChannel.candidates, body: new Uint8Array(40).fill(7) }
const endpoint = { address: "192.0.2.1", port: 55_000 }

const play = (turns: ReadonlyArray<Turn>, honest: boolean) => {
  const world = CallWorld.make(...people)
  const { parties } = world
  for (const party of parties)
    party.config = {
      ...party.config,
      admits: ({ name }) => (name === "mallory" ? "Accept" : "Ring"),
      resumable: (chatId) => (Bytes.equals(chatId, chats[0]) ? "Known" : "Unknown"),
      relayOnly: party.self === mallory,
    }
  const dialled: Array<readonly [CallWorld.Party, Uint8Array]> = []
  const pick = <A>(values: ReadonlyArray<A>, at: number): A | undefined => values[at % values.length]
  for (const [kind, a, b] of turns) {
    const party = pick(parties, a)!
    const line = world.lines[b % (world.lines.length || 1)]?.line
    switch (kind) {
      case 0: {
        const callee = pick(people, b)!
        dialled.push([party, world.dial(party, b % 2 === 0 ? byName(callee) : byId(callee))])
        break
      }
      case 1: {
        const ring = pick(CallWorld.told(party, "Ring"), b)
        if (ring !== undefined) world.tell(party, { _tag: b % 5 === 0 ? "Decline" : "Accept", callId: ring.callId })
        break
      }
      case 2:
        if (line !== undefined && "callId" in line && b % 7 === 0)
          world.tell(party, { _tag: "Cancel", callId: line.callId })
        break
      case 3:
        world.wait(a % 30_000)
        break
      // What a hostile server does besides.
      case 4:
        if (!honest) world.queue.splice(a % (world.queue.length || 1), 1)
        break
      case 5:
        if (!honest) world.queue.push(...world.queue.splice(0, 1))
        break
      case 6:
        if (honest || line === undefined) break
        if (line._tag === "Chat") {
          world.incoming(party, { callId: line.callId, m1: line.m1, callerHash: hashOf(pick(people, b)!) })
        }
        if (line._tag === "Pass") world.tell(party, { _tag: "Passed", callId: line.callId, data: line.data })
        if (line._tag === "LookUp") {
          const { name, identity } = pick(people, a)!
          const { callId } = line
          world.tell(party, { _tag: "Found", callId, name, certificate: identity.certificate.encoded })
        }
        break
      case 7:
        if (honest || line === undefined || !("callId" in line)) break
        world.tell(party, { _tag: "AskedPort", callId: line.callId, port: 55_000 })
        world.tell(party, { _tag: "StartChat", callId: line.callId, endpoint: b % 2 === 0 ? endpoint : undefined })
        if (b % 3 === 0) world.tell(party, { _tag: "Ended", callId: line.callId, code: "Peer_gone" })
        break
      case 8:
        dialled.push([party, world.dial(party, byId(pick(people, b)!), { resumes: pick(chats, b)! })])
        break
      case 9: {
        const established = pick(CallWorld.told(party, "Established"), b)
        if (established !== undefined) world.tell(party, { _tag: "Tell", callId: established.callId, message })
        break
      }
      case 10:
        if (a % 5 === 0) world.tell(party, { _tag: "LinkLost" })
        break
      default: {
        const sent = world.queue.shift()
        if (sent !== undefined) world.serve(sent)
      }
    }
    for (const { state } of parties) assert.isAtMost(state.calls.size, 16)
  }
  if (honest) world.run()
  world.wait(300_000)
  for (const party of parties) {
    // What is left by now is agreed on, and nobody has anything to wait for.
    for (const call of party.state.calls.values()) assert.strictEqual(call._tag, "Agreed")
    assert.strictEqual(Calls.dueAt(party.state), Infinity)
    world.tell(party, { _tag: "LinkLost" })
  }
  return { parties, dialled }
}

const id = String

const check = ({ parties, dialled }: ReturnType<typeof play>) => {
  const sides = new Map<string, Array<CallWorld.ActionOf<"Established">["keys"]>>()
  for (const party of parties) {
    assert.strictEqual(party.state.calls.size, 0)
    assert.strictEqual(Calls.dueAt(party.state), Infinity)
    /** Established, and not gone yet. */
    const agreed = new Set<string>()
    const started = new Set<string>()
    const ended = new Set<string>()
    for (const action of party.told) {
      if (!("callId" in action)) continue
      const key = id(action.callId)
      switch (action._tag) {
        case "Established":
        case "CallFailed":
        case "Merged":
          assert.isFalse(ended.has(key), `what becomes of a call is told once: ${action._tag}`)
          ended.add(key)
          if (action._tag !== "Established") break
          agreed.add(key)
          sides.set(key, [...(sides.get(key) ?? []), action.keys])
          break
        case "TryPort":
        case "Told":
          assert.isTrue(agreed.has(key), action._tag)
          break
        case "Start":
          assert.isTrue(agreed.has(key) && !started.has(key))
          started.add(key)
          break
        case "Gone":
          assert.isTrue(agreed.delete(key), "the end of what is agreed on is told once")
      }
      if (party.self === mallory) assert.notStrictEqual(action._tag, "TryPort")
    }
    assert.deepStrictEqual([...agreed], [], "the end of what is agreed on is told")
    const known = [
      ...CallWorld.told(party, "Ring").map(({ callId }) => callId),
      ...dialled.filter(([by]) => by === party).map(([, callId]) => callId),
    ]
    for (const callId of known) assert.isTrue(ended.has(id(callId)), "what becomes of a call is told")
  }
  for (const keys of sides.values()) {
    assert.isAtMost(keys.length, 2)
    const [one, other] = keys
    if (one === undefined || other === undefined) continue
    assert.deepStrictEqual(shared(one), shared(other))
    assert.notStrictEqual(one.peer.id, other.peer.id)
    assert.notStrictEqual(one.isInitiator, other.isInitiator)
  }
}

it.effect.prop(
  "calls at an honest server",
  [Arbitrary.array(turn, { minLength: 60, maxLength: 120 })],
  ([turns]) => Effect.sync(() => check(play(turns, true))),
  { arbitrary: { runs: 40, size: 120 } },
)

it.effect.prop(
  "calls at a hostile server",
  [Arbitrary.array(turn, { minLength: 60, maxLength: 120 })],
  ([turns]) => Effect.sync(() => check(play(turns, false))),
  { arbitrary: { runs: 60, size: 120 } },
)
