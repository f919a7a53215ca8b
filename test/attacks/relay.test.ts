/**
 * Attacks on what a server does for paths: the relay, and lookups over UDP. Each test names the attack and says what the
 * victim did.
 */
import { assert, describe } from "@effect/vitest"
import { Clock, Effect, Queue } from "effect"
import * as Base64Field from "nomitm/domain/nomitm1/Base64Field"
import * as Lookup from "nomitm/domain/reach/Lookup"
import { PeerTransport } from "nomitm/services/PeerTransport"
import { type Client, hearsNothing, promiseIn, type Scene } from "../services/server/SecureScene.ts"
import * as Stage from "../services/server/SecureStage.ts"
import { type World, worlds } from "../services/worlds.ts"

/** A UDP socket of a host, with all that it hears. */
const socket = Effect.fnUntraced(function* ({ server, host }: Scene, world: World, n: number) {
  const transport = yield* Effect.provide(PeerTransport, host(n))
  const bound = yield* transport.bind({ port: 0, address: world.address(n) })
  const heard = yield* Queue.unbounded<Uint8Array>()
  yield* bound.receive((datagram) => void Queue.offerUnsafe(heard, datagram))
  return { send: (datagram: Uint8Array, port: number) => bound.send(datagram, { address: server.host, port }), heard }
})

const id = Stage.callId(1)
const record = (n: number, length = 96) => `RELAY ${id} ${Stage.data(n, length)}`

/** A call that goes through the relay. */
const start = Effect.fnUntraced(function* (alice: Client, bob: Client) {
  yield* alice.say(`CHAT bob ${id} ${Stage.m1()}`)
  assert.include(yield* bob.hear, "INCOMING")
  yield* bob.say(`ACCEPT ${id}`, `ERROR Relay ${id}`)
  yield* alice.hearUntil(`STARTCHAT 0.0.0.0 0 bob ${id}`)
  yield* bob.hearUntil(`STARTCHAT 0.0.0.0 0 alice ${id}`)
})

describe.each(worlds)("attacks on the relay $name", (world) => {
  const attack = promiseIn(world, { lookups: {} })

  attack("by somebody else who knows the callId: nothing is put in, taken out or ended", ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob, mallory] = [yield* register("alice", 2), yield* register("bob", 3), yield* register("m", 4)]
      yield* start(alice, bob)
      yield* mallory.say(record(1), `ACCEPT ${id}`, `ERROR Relay ${id}`, `OK ${id}`, `END ${id} Failed`, record(2))
      yield* hearsNothing(mallory)
      yield* alice.say(record(3))
      assert.strictEqual(yield* bob.hear, record(3))
      yield* hearsNothing(alice)
      yield* hearsNothing(bob)
      yield* hearsNothing(mallory)
    }),
  )

  attack("by a caller nobody has accepted: the one called gets no bytes beyond the call", ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* register("alice", 2), yield* register("bob", 3)]
      yield* alice.say(`CHAT bob ${id} ${Stage.m1()}`)
      assert.include(yield* bob.hear, "INCOMING")
      yield* alice.say(...Array.from({ length: 100 }, (_, n) => record(n)), `ERROR Relay ${id}`, record(0))
      yield* hearsNothing(alice)
      yield* hearsNothing(bob)
    }),
  )

  attack("by a client without a name: it is told that there is no such thing, and pays for it", ({ connect }) =>
    Effect.gen(function* () {
      const guest = yield* connect(2)
      const start = yield* Clock.currentTimeMillis
      yield* guest.say(...Array.from({ length: 400 }, (_, n) => record(n)))
      for (let n = 0; n < 400; n++) assert.strictEqual(yield* guest.hear, "ERROR Operation_unknown")
      // 200 lines at once, 100 a second after that.
      assert.isAtLeast((yield* Clock.currentTimeMillis) - start, 1900)
    }),
  )

  attack("by records of one byte, as many as a connection carries: who sends them is sent away", ({ register }) =>
    Effect.gen(function* () {
      const [alice, bob] = [yield* register("alice", 2), yield* register("bob", 3)]
      yield* start(alice, bob)
      yield* alice.say(...Array.from({ length: 40_000 }, () => record(1, 1)))
      const heard = yield* alice.hearUntil("<end>")
      assert.deepStrictEqual(
        heard.filter((line) => line !== "<end>" && line !== "ERROR Too_fast"),
        [],
      )
      const last = yield* bob.hearUntil(`ENDED ${id} Peer_gone`)
      // The burst, and what came back meanwhile.
      assert.isAtMost(last.length, 4096 + 10 * 1024)
      yield* hearsNothing(bob)
    }),
  )
})

describe.each(worlds)("attacks on lookups $name", (world) => {
  const attack = promiseIn(world, { lookups: {} })

  attack("by who has a token and lies about where it is: no more bytes than it sends, 20 answers a second", (scene) =>
    Effect.gen(function* () {
      const client = yield* scene.connect(2)
      yield* client.say("REFLEX")
      const [, token, key, , first, second] = (yield* client.hear).split(" ")
      const keys = Lookup.keys(Stage.primitives, Base64Field.decode(key, 32)!)
      // Where the lies point to.
      const victims = [yield* socket(scene, world, 3), yield* socket(scene, world, 4)]
      const start = yield* Clock.currentTimeMillis
      let [sent, bytes, heard] = [0, 0, 0]
      for (let round = 0; round < 5; round++) {
        for (let n = 0; n < 100; n++) {
          const datagram = Lookup.encodeRequest(Stage.primitives, keys, {
            token: Base64Field.decode(token, 16)!,
            transaction: Stage.bytesOf(`${round} ${n}`, Lookup.transactionBytes),
          })
          victims[n % 2]!.send(datagram, Number(n % 3 === 0 ? first : second))
          sent += datagram.length
        }
        yield* Effect.sleep(100)
        for (const victim of victims) {
          for (const reply of yield* Queue.clear(victim.heard)) {
            heard++
            bytes += reply.length
          }
        }
      }
      const seconds = ((yield* Clock.currentTimeMillis) - start) / 1000
      assert.isAtLeast(heard, 40)
      assert.isAtMost(heard, 41 + 20 * seconds)
      assert.isBelow(bytes, sent / 8)
    }),
  )

  attack("by guesses at tokens, and by questions taken from others that were changed: silence", (scene) =>
    Effect.gen(function* () {
      const client = yield* scene.connect(2)
      yield* client.say("REFLEX")
      const [, token, key, , first] = (yield* client.hear).split(" ")
      const keys = Lookup.keys(Stage.primitives, Base64Field.decode(key, 32)!)
      const taken = Lookup.encodeRequest(Stage.primitives, keys, {
        token: Base64Field.decode(token, 16)!,
        transaction: Stage.bytesOf("taken", Lookup.transactionBytes),
      })
      const mallory = yield* socket(scene, world, 4)
      for (let n = 0; n < 500; n++) {
        const guess = Uint8Array.from(taken)
        guess.set(Stage.bytesOf(`guess ${n}`, 16), 4)
        mallory.send(guess, Number(first))
        const changed = Uint8Array.from(taken)
        changed[20 + (n % 44)]! ^= 1 + (n % 255)
        mallory.send(changed, Number(first))
      }
      yield* Effect.sleep(200)
      assert.lengthOf(yield* Queue.clear(mallory.heard), 0)
      // They have not used up what the client may ask.
      mallory.send(taken, Number(first))
      assert.strictEqual((yield* Effect.timeout(Queue.take(mallory.heard), "5 seconds")).length, Lookup.replyBytes)
    }),
  )
})
