import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as PersonId from "nomitm/domain/identity/PersonId"
import * as Who from "nomitm/domain/nomitm1/Who"
import type { PersonName } from "nomitm/domain/PersonName"
import { type SecureMember, SecureRegistry } from "nomitm/services/server/SecureRegistry"

let last = 0
const member = (name: string, key: number, unlisted = false): SecureMember => ({
  number: ++last,
  name: name as PersonName,
  id: PersonId.ofBytes(new Uint8Array(32).fill(key)),
  address: "192.0.2.1",
  certificate: new Uint8Array(144),
  idHash: new Uint8Array(32),
  unlisted,
  send: () => {},
  queued: () => 0,
  replace: () => {},
})

const promise = (what: string, program: (registry: SecureRegistry["Service"]) => Effect.Effect<void, unknown>) =>
  it.effect(what, () => Effect.flatMap(SecureRegistry, program).pipe(Effect.provide(SecureRegistry.layerMemory)))

describe("who is online over TLS", () => {
  promise("is found by name and by id, and listed in order of registration", (registry) =>
    Effect.gen(function* () {
      const [bob, alice, hidden] = [member("bob", 2), member("alice", 1), member("hidden", 3, true)]
      for (const one of [bob, alice, hidden]) assert.deepStrictEqual(yield* registry.enter(one), Option.none())
      for (const one of [bob, alice, hidden]) {
        assert.deepStrictEqual(yield* registry.find(Who.byName(one.name)), Option.some(one))
        assert.deepStrictEqual(yield* registry.find(Who.byId(one.id)), Option.some(one))
      }
      const listed = [bob, alice].map(({ name, id }) => ({ name, id }))
      assert.deepStrictEqual(yield* registry.users, listed)
    }),
  )

  promise("is the newest connection of a key and name; the one before is given back, and leaves nothing", (registry) =>
    Effect.gen(function* () {
      const [before, after, other] = [member("alice", 1), member("alice", 1), member("work", 1)]
      yield* registry.enter(before)
      yield* registry.enter(other)
      assert.deepStrictEqual(yield* registry.enter(after), Option.some(before))
      yield* registry.leave(before)
      assert.deepStrictEqual(yield* registry.find(Who.byName(after.name)), Option.some(after))
      assert.deepStrictEqual(yield* registry.find(Who.byId(after.id)), Option.some(after))
      yield* registry.leave(after)
      assert.deepStrictEqual(yield* registry.find(Who.byName(after.name)), Option.none())
      assert.deepStrictEqual(yield* registry.find(Who.byId(after.id)), Option.some(other))
      yield* registry.leave(other)
      assert.deepStrictEqual(yield* registry.find(Who.byId(after.id)), Option.none())
    }),
  )

  promise("keeps the name against another key", (registry) =>
    Effect.gen(function* () {
      const alice = member("alice", 1)
      yield* registry.enter(alice)
      assert.strictEqual((yield* Effect.flip(registry.enter(member("alice", 2))))._tag, "NameHeld")
      assert.deepStrictEqual(yield* registry.find(Who.byName(alice.name)), Option.some(alice))
    }),
  )
})
