/**
 * Three people who call, accept and hang up as they like, at a server that drops, holds back, repeats, misdelivers and
 * makes up lines. Whatever happens: nobody is asked for a port or sent anywhere who has not agreed, both ends of a chat
 * have the same keys and know each other, and each person is told the end of each call once.
 */
import { assert, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Calls from "../../../src/domain/call/Calls.ts"
import * as arbitraries from "../arbitraries.ts"
import * as CallWorld from "./CallWorld.ts"
import { alice, bob, byId, byName, hashOf, mallory, shared } from "./handshakes.ts"

type Turn = readonly [kind: number, a: number, b: number]
const turn: Arbitrary.Arbitrary<Turn> = arbitraries.mapAll(
  [arbitraries.integer(0, 23), arbitraries.integer(0, 1 << 20), arbitraries.integer(0, 1 << 20)],
  ([kind, a, b]) => [kind, a, b] as const,
)

const people = [alice, bob, mallory]

const play = (turns: ReadonlyArray<Turn>, honest: boolean) => {
  const world = CallWorld.make(...people)
  const { parties } = world
  for (const party of parties)
    party.config = { ...party.config, admits: ({ name }) => (name === "mallory" ? "Accept" : "Ring") }
  const pick = <A>(values: ReadonlyArray<A>, at: number): A | undefined => values[at % values.length]
  for (const [kind, a, b] of turns) {
    const party = pick(parties, a)!
    const line = world.lines[b % (world.lines.length || 1)]?.line
    switch (kind) {
      case 0: {
        const callee = pick(people, b)!
        world.dial(party, b % 2 === 0 ? byName(callee) : byId(callee))
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
          world.tell(party, { _tag: "Found", name, certificate: identity.certificate.encoded })
        }
        break
      case 7:
        if (honest || line === undefined || !("callId" in line)) break
        world.tell(party, { _tag: "AskedPort", callId: line.callId, port: 55_000 })
        world.tell(party, {
          _tag: "StartChat",
          callId: line.callId,
          endpoint: { address: "192.0.2.1", port: 55_000 },
        })
        break
      default: {
        const sent = world.queue.shift()
        if (sent !== undefined) world.serve(sent)
      }
    }
    for (const { state } of parties) assert.isAtMost(state.calls.size, 10)
  }
  if (honest) world.run()
  world.wait(300_000)
  return parties
}

const id = String

const check = (parties: ReadonlyArray<CallWorld.Party>) => {
  const sides = new Map<string, Array<CallWorld.ActionOf<"Established">["keys"]>>()
  for (const party of parties) {
    assert.strictEqual(party.state.calls.size, 0)
    assert.strictEqual(Calls.dueAt(party.state), Infinity)
    const agreed = new Set<string>()
    const ended = new Set<string>()
    for (const action of party.told) {
      switch (action._tag) {
        case "Established":
          agreed.add(id(action.callId))
          sides.set(id(action.callId), [...(sides.get(id(action.callId)) ?? []), action.keys])
          break
        case "TryPort":
          assert.isTrue(agreed.has(id(action.callId)))
          break
        case "Start":
        case "CallFailed":
        case "Merged":
          assert.isTrue(action._tag !== "Start" || agreed.has(id(action.callId)))
          assert.isFalse(ended.has(id(action.callId)), `the end of a call is told once: ${action._tag}`)
          ended.add(id(action.callId))
      }
    }
    for (const { callId } of [...CallWorld.told(party, "Ring"), ...CallWorld.told(party, "Established")]) {
      assert.isTrue(ended.has(id(callId)), "the end of a call is told")
    }
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
