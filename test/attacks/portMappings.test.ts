/**
 * An attack of a peer that was let in on our router: each search might ask it for a port anew. Says what the victim did.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as EnglishWords from "nomitm/adapters/node/EnglishWords"
import * as LinkChannel from "nomitm/domain/call/LinkChannel"
import * as CandidateMessage from "nomitm/domain/reach/CandidateMessage"
import * as ChatPaths from "nomitm/services/chat/ChatPaths"
import type { Way } from "nomitm/services/chat/ChatWay"
import * as ChatTools from "nomitm/services/chat/ChatTools"
import { Cryptography } from "nomitm/services/Cryptography"
import { type PeerSocket, PeerTransport } from "nomitm/services/PeerTransport"
import { PortMapper, PortMappingError } from "nomitm/services/PortMapper"
import type { CallWire, WireEvent } from "nomitm/services/link/SealedLink"
import { bytesOf, primitives } from "../domain/crypto/primitives.ts"

const socket: PeerSocket = { local: { address: "::", port: 40_000 }, send: () => {}, receive: () => Effect.void }

/** The paths of one side, with a router that counts what it holds, and what it was asked. */
const victim = Effect.fnUntraced(function* (grants: boolean) {
  const router = { asked: 0, held: 0, most: 0 }
  let addresses: ReadonlyArray<string> = ["192.168.1.10"]
  let drawn = 0
  let say: (event: WireEvent) => void = () => {}
  const wire: CallWire = {
    relay: () => true,
    tell: () => {},
    receive: (handler) => Effect.sync(() => void (say = handler)),
    end: Effect.void,
  }
  const transport: PeerTransport["Service"] = {
    bind: () => Effect.succeed(socket),
    resolve: () => Effect.succeed("203.0.113.1"),
    addresses: Effect.sync(() => addresses),
  }
  const mapper = PortMapper.of({
    map: () =>
      Effect.suspend(() => {
        router.asked++
        if (!grants) return new PortMappingError({ reason: "Refused" })
        const acquire = Effect.sync(() => (router.most = Math.max(router.most, ++router.held)))
        const external = { address: "203.0.113.5", port: 40_000 }
        return Effect.as(
          Effect.acquireRelease(acquire, () => Effect.sync(() => router.held--)),
          external,
        )
      }),
  })
  const cryptography: Cryptography["Service"] = {
    primitives,
    randomBytes: (length) => bytesOf(`random ${drawn++}`, length),
  }
  const tools = yield* ChatTools.make.pipe(
    Effect.provideService(Cryptography, cryptography),
    Effect.provideService(PeerTransport, transport),
    Effect.provideService(PortMapper, mapper),
    Effect.provide(EnglishWords.layer),
  )
  const owner: ChatPaths.Owner = {
    seal: () => new Uint8Array(96),
    onDatagram: () => {},
    onUse: () => {},
    onPath: () => {},
    onStuck: () => {},
    onGone: () => {},
    onMoved: () => {},
  }
  const paths = yield* Effect.acquireRelease(
    Effect.map(Effect.scope, (scope) => new ChatPaths.ChatPaths(tools, owner, true, scope)),
    (paths) => paths.end,
  )
  const way: Way = {
    _tag: "Server",
    wire,
    reflex: Effect.succeed({ token: new Uint8Array(16), key: new Uint8Array(32), seen: "203.0.113.5", targets: [] }),
    doubt: () => Effect.void,
    relay: "auto",
    isLocalServer: false,
  }
  /** By another call, the first one or one after it. */
  const follow = Effect.gen(function* () {
    yield* paths.follow(way, yield* Scope.make())
    say({ _tag: "Started", port: { socket, release: Effect.void }, remote: { address: "203.0.113.9", port: 40_000 } })
    yield* Effect.yieldNow
  })
  yield* follow
  let generation = 0
  return {
    router,
    paths,
    follow,
    move: (to: ReadonlyArray<string>) => void (addresses = to),
    /** The other side searches anew, and after a while so do we. */
    search: Effect.gen(function* () {
      const body = CandidateMessage.encode({ generation: ++generation, mapping: { _tag: "Unknown" }, candidates: [] })
      say({ _tag: "Told", message: { type: LinkChannel.candidates, body } })
      paths.due()
      yield* TestClock.adjust("6 seconds")
      paths.due()
    }),
  }
})

describe("attacks of a peer on our router", () => {
  it.effect(
    "that lets us search all day long: one port is asked for, and asked for again where the network is another",
    () =>
      Effect.gen(function* () {
        const { paths, router, search, move } = yield* victim(true)
        yield* Effect.replicateEffect(search, 100)
        assert.isAtLeast(paths.report().searches, 90)
        assert.deepStrictEqual(router, { asked: 1, held: 1, most: 1 })
        move(["192.168.7.3"])
        yield* Effect.replicateEffect(search, 10)
        assert.deepStrictEqual([router.asked, router.held], [2, 1])
      }).pipe(Effect.scoped),
  )

  it.effect("whose chat goes on again and again: the router is asked anew each time, and holds one port", () =>
    Effect.gen(function* () {
      const { router, follow, search } = yield* victim(true)
      for (let i = 0; i < 5; i++) {
        yield* follow
        yield* Effect.replicateEffect(search, 5)
      }
      assert.deepStrictEqual(router, { asked: 6, held: 1, most: 1 })
    }).pipe(Effect.scoped),
  )

  it.effect("a router that has refused is asked again in another search: it may be another one by then", () =>
    Effect.gen(function* () {
      const { router, search } = yield* victim(false)
      yield* Effect.replicateEffect(search, 3)
      assert.isAtLeast(router.asked, 2)
    }).pipe(Effect.scoped),
  )
})
