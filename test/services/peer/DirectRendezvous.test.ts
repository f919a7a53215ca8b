import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Random, Scope } from "effect"
import * as NodePeerTransport from "nomitm/adapters/node/NodePeerTransport"
import * as EnglishWords from "nomitm/adapters/node/EnglishWords"
import type { Endpoint } from "nomitm/domain/Endpoint"
import { waitingRecords } from "nomitm/services/peer/DirectRendezvous"
import { type PeerSocket, PeerTransport } from "nomitm/services/PeerTransport"
import { PortMapper } from "nomitm/services/PortMapper"
import { SealedChat } from "nomitm/services/chat/SealedChat"
import { inVirtualTime } from "../../virtualTime.ts"
import * as Stage from "./DirectStage.ts"

const { port } = Stage

type Opened = Effect.Success<ReturnType<typeof Stage.begin>>

const haveKeys = (alice: Opened, bob: Opened, names = ["alice", "bob"]): void => {
  assert.deepStrictEqual(alice.keys.h, bob.keys.h)
  assert.deepStrictEqual(alice.keys.record.send, bob.keys.record.receive)
  assert.deepStrictEqual([alice.keys.peer.id, bob.keys.peer.id], [Stage.idOf(names[1]!), Stage.idOf(names[0]!)])
  assert.notStrictEqual(alice.keys.isInitiator, bob.keys.isInitiator)
}

const both = (stage: Stage.Stage) =>
  Effect.all([Stage.begin(stage, "alice"), Stage.begin(stage, "bob")], { concurrency: 2 })

/** A record, as far as an opening looks at it. */
const record = (n: number): Uint8Array => Uint8Array.of(1, 0, 0, 0, ...new Uint8Array(91).fill(n), n)

/** A chat on what came of it, as `SealedDirectWay` has one. */
const chat = Effect.fnUntraced(function* (
  { socket, keys, settled }: Opened,
  remote: Endpoint,
  transport: PeerTransport["Service"],
) {
  const { open } = yield* Effect.provide(
    SealedChat,
    SealedChat.layer.pipe(
      Layer.provide([
        Stage.cryptography,
        EnglishWords.layer,
        PortMapper.layerNone,
        Layer.succeed(PeerTransport, transport),
      ]),
    ),
  )
  const opened = yield* open({ way: { _tag: "Address", socket, remote }, keys, patience: "30 seconds" })
  yield* Effect.forkScoped(Effect.ignore(Effect.andThen(opened.opened, settled)), { startImmediately: true })
  return opened
})

describe("two who know each other's address", () => {
  for (const first of ["alice", "bob"] as const) {
    for (const late of [0, 100, 40_000]) {
      it.effect(`have keys soon after the second is there, ${first} ${late} ms before the other`, () =>
        inVirtualTime(
          Effect.gen(function* () {
            const stage = yield* Stage.make()
            const early = yield* Effect.forkScoped(Stage.begin(stage, first), { startImmediately: true })
            yield* Effect.sleep(late)
            const start = yield* Clock.currentTimeMillis
            const second = yield* Stage.begin(stage, Stage.other(first))
            const one = yield* Fiber.join(early)
            assert.isBelow((yield* Clock.currentTimeMillis) - start, 500)
            if (first === "alice") haveKeys(one, second)
            else haveKeys(second, one)
          }),
        ),
      )
    }
  }

  it.effect("have keys over a network that loses 30 %, repeats and reorders, and then talk", () =>
    Effect.forEach(Array.from({ length: 12 }), (_, seed) =>
      inVirtualTime(
        Effect.gen(function* () {
          const link = { loss: 0.3, duplication: 0.1, reordering: 0.2, reorderMillis: 100, jitterMillis: 30 }
          const stage = yield* Stage.make({ link })
          const start = yield* Clock.currentTimeMillis
          const [alice, bob] = yield* both(stage)
          haveKeys(alice, bob)
          assert.isBelow((yield* Clock.currentTimeMillis) - start, 8000, `seed ${seed}`)
          const [a, b] = [
            yield* chat(alice, stage.at.bob, stage.transports.alice),
            yield* chat(bob, stage.at.alice, stage.transports.bob),
          ]
          assert.deepStrictEqual(yield* Effect.all([a.opened, b.opened], { concurrency: 2 }), ["bob", "alice"])
        }).pipe(Effect.scoped, Random.withSeed(`seed ${seed}`)),
      ),
    ),
  )

  for (const nat of ["portRestrictedCone", "fullCone", "masquerade"] as const) {
    it.effect(`have keys and talk when both are behind a NAT that keeps the port: ${nat}`, () =>
      inVirtualTime(
        Effect.gen(function* () {
          const stage = yield* Stage.make({ nat })
          const [alice, bob] = yield* both(stage)
          haveKeys(alice, bob)
          const [a, b] = [
            yield* chat(alice, stage.at.bob, stage.transports.alice),
            yield* chat(bob, stage.at.alice, stage.transports.bob),
          ]
          yield* Effect.all([a.opened, b.opened], { concurrency: 2 })
          yield* a.say("hello")
          assert.strictEqual(yield* b.receive, "hello")
        }),
      ),
    )
  }

  it.effect("say nothing of the opening any more when records open, and much before: CONNECT every 250 ms", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const early = yield* Effect.forkScoped(Stage.begin(stage, "alice"), { startImmediately: true })
        yield* Effect.sleep("10 seconds")
        assert.isAtMost(Math.abs(stage.sent.length - 40), 1)
        assert.isTrue(stage.sent.every(({ datagram }) => datagram.length === 36 && datagram[0] === 2))
        const bob = yield* Stage.begin(stage, "bob")
        const alice = yield* Fiber.join(early)
        const [a, b] = [
          yield* chat(alice, stage.at.bob, stage.transports.alice),
          yield* chat(bob, stage.at.alice, stage.transports.bob),
        ]
        yield* Effect.all([a.opened, b.opened], { concurrency: 2 })
        yield* Effect.sleep("1 second")
        const before = stage.sent.length
        yield* Effect.sleep("1 minute")
        assert.isAbove(stage.sent.length, before)
        assert.isTrue(stage.sent.slice(before).every(({ datagram }) => datagram[0] === 1))
      }),
    ),
  )

  it.effect("wait as long as they are let, and leave nothing when they are interrupted", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const scope = yield* Scope.make()
        const waiting = yield* Stage.begin(stage, "alice").pipe(
          Effect.provideService(Scope.Scope, scope),
          Effect.forkChild({ startImmediately: true }),
        )
        yield* Effect.sleep("3 minutes")
        assert.isUndefined(waiting.pollUnsafe())
        // Three minutes of CONNECT.
        assert.isAtMost(stage.sent.length, 721)
        yield* Fiber.interrupt(waiting)
        yield* Scope.close(scope, Exit.void)
        const before = stage.sent.length
        yield* Effect.sleep("1 minute")
        assert.lengthOf(stage.sent, before)
        // The port is free again, and the other side finds who begins anew there.
        const [alice, bob] = yield* both(stage)
        haveKeys(alice, bob)
      }),
    ),
  )

  it.effect("find each other when one starts anew before there are keys", () =>
    inVirtualTime(
      Effect.gen(function* () {
        // The first bob never gets what comes after XX1.
        let deaf = true
        const stage = yield* Stage.make({
          middle: (datagram, from) => (deaf && from === "alice" && datagram[0] === 3 ? [] : [datagram]),
        })
        const alice = yield* Effect.forkScoped(Stage.begin(stage, "alice"), { startImmediately: true })
        const scope = yield* Scope.make()
        const old = yield* Stage.begin(stage, "bob").pipe(
          Effect.provideService(Scope.Scope, scope),
          Effect.forkChild({ startImmediately: true }),
        )
        yield* Effect.sleep("2 seconds")
        assert.isUndefined(old.pollUnsafe())
        yield* Fiber.interrupt(old)
        yield* Scope.close(scope, Exit.void)
        deaf = false
        const start = yield* Clock.currentTimeMillis
        const bob = yield* Stage.begin(stage, "bob", "carol")
        haveKeys(yield* Fiber.join(alice), bob, ["alice", "carol"])
        assert.isBelow((yield* Clock.currentTimeMillis) - start, 1500)
      }),
    ),
  )

  it.effect("refuse a certificate older than one that was seen before", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const socket = yield* stage.transports.alice.bind({ port })
        const suspicious = yield* Stage.open(socket, stage.at.bob, "alice", () => 1_000_000).pipe(
          Effect.forkScoped({ startImmediately: true }),
        )
        yield* Effect.forkScoped(Stage.begin(stage, "bob"))
        yield* Effect.sleep("1 minute")
        assert.isUndefined(suspicious.pollUnsafe())
      }),
    ),
  )
})

describe("the port after the opening", () => {
  it.effect("hands the chat the newest eight records that came before it, and no other datagrams", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const [alice, bob] = yield* both(stage)
        for (let n = 0; n < 20; n++) {
          bob.bound.send(record(n), stage.at.alice)
          bob.bound.send(Uint8Array.of(4, n), stage.at.alice)
        }
        yield* Effect.sleep("1 second")
        const heard: Array<number> = []
        yield* alice.socket.receive((datagram) => void heard.push(datagram.at(-1)!))
        assert.deepStrictEqual(
          heard,
          Array.from({ length: waitingRecords }, (_, i) => 20 - waitingRecords + i),
        )
        bob.bound.send(record(77), stage.at.alice)
        bob.bound.send(Uint8Array.of(4, 77), stage.at.alice)
        yield* Effect.sleep("1 second")
        assert.deepStrictEqual(heard.slice(waitingRecords), [77])
      }),
    ),
  )

  it.effect("does not hear what is no record from anywhere but the address typed", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const mallory = yield* stage.network.host({ address: "203.0.113.9" })
        const attacker = yield* mallory.peerTransport.bind({ port })
        const alice = yield* Effect.forkScoped(Stage.begin(stage, "alice"), { startImmediately: true })
        const heard: Array<Uint8Array> = []
        yield* attacker.receive((datagram) => void heard.push(datagram))
        const connect = new Uint8Array(36).fill(9, 4, 20)
        connect.set([2, 1])
        for (let i = 0; i < 100; i++) attacker.send(connect, stage.at.alice)
        // The same host on another port is somewhere else, too.
        const elsewhere = yield* stage.transports.bob.bind({ port: port + 1 })
        yield* elsewhere.receive((datagram) => void heard.push(datagram))
        elsewhere.send(connect, stage.at.alice)
        yield* Effect.sleep("5 seconds")
        assert.deepStrictEqual(heard, [])
        const bob = yield* Stage.begin(stage, "bob")
        haveKeys(yield* Fiber.join(alice), bob)
      }),
    ),
  )
})

describe("on the sockets of this machine, in real time", () => {
  it.live("two have keys, and talk", () =>
    Effect.gen(function* () {
      const transport = yield* PeerTransport
      const bind = transport.bind({ port: 0, address: "127.0.0.1" })
      const [a, b]: readonly [PeerSocket, PeerSocket] = [yield* bind, yield* bind]
      const [alice, bob] = yield* Effect.all([Stage.open(a, b.local, "alice"), Stage.open(b, a.local, "bob")], {
        concurrency: 2,
      })
      assert.deepStrictEqual(alice.keys.h, bob.keys.h)
      const ours = yield* chat({ ...alice, bound: a }, b.local, transport)
      const theirs = yield* chat({ ...bob, bound: b }, a.local, transport)
      yield* Effect.all([ours.opened, theirs.opened], { concurrency: 2 })
      yield* ours.say("hello")
      assert.strictEqual(yield* theirs.receive, "hello")
    }).pipe(Effect.scoped, Effect.provide(NodePeerTransport.layer)),
  )
})
