/**
 * Attacks on a chat without a server: by whoever is on the way, and by whoever can send from any address. Each test names
 * one and says what the victim did. The victims are whole peers on the simulated network; `test/domain/direct` has the
 * attacks on the state machine alone.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Result } from "effect"
import * as MemoryScreen from "nomitm/adapters/memory/MemoryScreen"
import type { Dialect } from "nomitm/domain/Dialect"
import * as Fingerprint from "nomitm/domain/identity/Fingerprint"
import * as PeerMessage from "nomitm/domain/PeerMessage"
import type { Username } from "nomitm/domain/Username"
import { ChatSession } from "nomitm/services/chat/ChatSession"
import { Peer } from "nomitm/services/peer/Peer"
import { PeerTransport } from "nomitm/services/PeerTransport"
import { RendezvousClient } from "nomitm/services/link/RendezvousClient"
import * as Bytes from "../../src/domain/crypto/Bytes.ts"
import * as DirectDatagram from "../../src/domain/direct/DirectDatagram.ts"
import * as DirectHandshake from "../../src/domain/direct/DirectHandshake.ts"
import { alice as aliceKeys, bob as bobKeys, judgement, mallory } from "../domain/call/handshakes.ts"
import { bytesOf, primitives } from "../domain/crypto/primitives.ts"
import { Side } from "../domain/direct/DirectSides.ts"
import * as Stage from "../services/peer/DirectStage.ts"
import { inVirtualTime } from "../virtualTime.ts"

const fingerprintOf = (label: string): string => Fingerprint.of(primitives, Stage.idOf(label))

const somebody = (stage: Stage.Stage, name: Stage.Name, options: Stage.PersonOptions = {}) =>
  Stage.person(stage.transports[name], { remote: stage.at[Stage.other(name)] }, name, { policy: "anyone", ...options })

/** Whoever sits at bob's address, with a socket of their own and what they hear. */
const attackerAtBobs = Effect.fnUntraced(function* (stage: Stage.Stage) {
  const socket = yield* stage.transports.bob.bind({ port: Stage.port })
  const heard: Array<Uint8Array> = []
  yield* socket.receive((datagram) => void heard.push(datagram.slice()))
  return { heard, send: (datagram: Uint8Array) => socket.send(datagram, stage.at.alice) }
})

const bytes = (datagrams: ReadonlyArray<{ readonly length: number }>): number =>
  datagrams.reduce((sum, { length }) => sum + length, 0)

const saidBy = (stage: Stage.Stage, name: Stage.Name) =>
  stage.sent.filter(({ from }) => from === name).map(({ datagram }) => datagram)

/** They find each other and talk, as if nothing had been. */
const comeUp = Effect.fnUntraced(function* (alice: Stage.Person, bob: Stage.Person) {
  assert.strictEqual((yield* alice.screen.nextOf("connected")).fingerprint, fingerprintOf("bob"))
  assert.strictEqual((yield* bob.screen.nextOf("connected")).fingerprint, fingerprintOf("alice"))
  yield* alice.screen.type("hello")
  assert.strictEqual((yield* bob.screen.nextOf("message")).text, "hello")
})

describe("somebody in between with keys of their own", () => {
  it.effect("is shown as who it is, and refused where the id was typed with the address", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const alice = yield* somebody(stage, "alice", { policy: "ask" })
        const inBetween = yield* somebody(stage, "bob", { label: "mallory" })
        const { peer, trust, fingerprint } = yield* alice.screen.nextOf("incoming")
        assert.deepStrictEqual(
          [peer, trust, fingerprint],
          [fingerprintOf("mallory"), "unknown", fingerprintOf("mallory")],
        )
        yield* alice.interrupt
        yield* inBetween.exit

        yield* somebody(stage, "bob", { label: "mallory" })
        const careful = yield* somebody(stage, "alice", { expected: Stage.idOf("bob") })
        const { code, message } = yield* careful.screen.nextOf("error")
        assert.strictEqual(code, "Key_changed")
        assert.include(message, fingerprintOf("mallory"))
        assert.deepStrictEqual(yield* careful.exit, Option.some(4))
      }),
    ),
  )

  it("two handshakes instead of one: other keys of records and of the short string, whatever is drawn", () => {
    const meet = (a: typeof aliceKeys, b: typeof aliceKeys) => {
      const nonces = { initiator: bytesOf("initiator", 16), responder: bytesOf("responder", 16) }
      const entropy = { ephemeral: bytesOf("e", 32), kemSeed: bytesOf("kem", 64), kemEntropy: bytesOf("m", 32) }
      const begun = DirectHandshake.begin(primitives, a, nonces, entropy)!
      const answered = DirectHandshake.answer(primitives, b, nonces, begun.xx1, entropy)!
      return DirectHandshake.finish(primitives, begun.state, answered.xx2, judgement)!.keys
    }
    // All that is random is the same, by the attacker's luck: what is proven is not.
    const [withMallory, withBob] = [meet(aliceKeys, mallory), meet(aliceKeys, bobKeys)]
    assert.notDeepEqual(withMallory.h, withBob.h)
    assert.notDeepEqual(withMallory.record.send, withBob.record.send)
    assert.notDeepEqual(withMallory.sas, withBob.sas)
  })
})

describe("somebody on the way", () => {
  for (const order of ["before", "after"] as const) {
    it.effect(
      `changes a bit of every datagram, records too, and sends it ${order} the genuine one: the chat comes up`,
      () =>
        Effect.forEach([0, 1, 2, 3, 4, 5], (start) =>
          inVirtualTime(
            Effect.gen(function* () {
              let at = start
              const stage = yield* Stage.make({
                middle: (datagram) => {
                  at = (at * 31 + 17) % (datagram.length * 8)
                  const changed = datagram.slice()
                  changed[at >> 3]! ^= 1 << (at & 7)
                  return order === "before" ? [changed, datagram] : [datagram, changed]
                },
              })
              yield* comeUp(yield* somebody(stage, "alice"), yield* somebody(stage, "bob"))
            }),
          ),
        ),
    )
  }

  it.effect("cuts every datagram short, and makes it longer: the chat comes up", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make({
          middle: (datagram) => [
            datagram.subarray(0, -1),
            Uint8Array.of(...datagram, 0),
            datagram.subarray(0, 20),
            new Uint8Array(60_000).fill(datagram[0]!),
            datagram,
          ],
        })
        yield* comeUp(yield* somebody(stage, "alice"), yield* somebody(stage, "bob"))
      }),
    ),
  )

  it.effect("repeats everything, twice and out of order: the chat comes up", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const past: Array<Uint8Array> = []
        const stage = yield* Stage.make({
          middle: (datagram, from) => {
            past.push(datagram.slice())
            return [datagram, datagram, ...(from === "alice" ? past.slice(-6, -2) : past.slice(-3, -1))]
          },
        })
        yield* comeUp(yield* somebody(stage, "alice"), yield* somebody(stage, "bob"))
      }),
    ),
  )

  it.effect("sends each side's own words back to it: nothing comes of it but CONNECT", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const mirror = yield* stage.transports.bob.bind({ port: Stage.port })
        yield* mirror.receive((datagram, from) => mirror.send(datagram, from))
        const alice = yield* somebody(stage, "alice")
        assert.strictEqual((yield* alice.screen.nextOf("closed")).reason, "unreachable")
        assert.isTrue(saidBy(stage, "alice").every((datagram) => datagram[0] === 2))
        // Every 250 ms, for two minutes, and not one in answer to its own.
        assert.isAtMost(saidBy(stage, "alice").length, 481)
      }),
    ),
  )

  it.effect("replays all that bob said in an earlier opening: alice answers his CONNECTs, and that is all", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const [alice, bob] = [yield* somebody(stage, "alice"), yield* somebody(stage, "bob")]
        yield* comeUp(alice, bob)
        yield* alice.screen.type("/close")
        yield* Effect.all([alice.exit, bob.exit])
        const earlier = saidBy(stage, "bob")
        assert.isTrue([1, 2, 3].every((type) => earlier.some(([first]) => first === type)))
        const before = stage.sent.length

        const again = yield* somebody(stage, "alice")
        const attacker = yield* attackerAtBobs(stage)
        for (let round = 0; round < 5; round++) {
          for (const datagram of earlier) attacker.send(datagram)
          yield* Effect.sleep("1 second")
        }
        const since = stage.sent.slice(before).filter(({ from }) => from === "alice")
        assert.isTrue(since.every(({ datagram }) => datagram[0] === 2 && datagram.length === 36))
        yield* again.interrupt
      }),
    ),
  )
})

describe("somebody who can send from any address", () => {
  it.effect("gets no answer but from the address typed, and makes nobody send more bytes than came", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        yield* somebody(stage, "alice")
        const attacker = yield* attackerAtBobs(stage)
        // What she says of herself.
        yield* Effect.sleep("5 seconds")
        const alone = bytes(saidBy(stage, "alice"))
        let came = 0
        for (let i = 0; i < 500; i++) {
          const nonces = { nonce: bytesOf(`forged ${i}`, 16), echo: bytesOf(`guessed ${i}`, 16) }
          const xx1 = DirectDatagram.fragments(1, bytesOf(`XX1 ${i}`, 1536), nonces)
          const connects = [new Uint8Array(16), nonces.echo].map((echo) =>
            DirectDatagram.encode({ _tag: "Connect", nonce: nonces.nonce, echo }),
          )
          for (const datagram of [...connects, ...xx1]) {
            // Only the CONNECTs with zeros are anything to her; the rest is not counted in her favour.
            if (datagram === connects[0]) came += datagram.length
            attacker.send(datagram)
          }
          yield* Effect.sleep(10)
        }
        const more = bytes(saidBy(stage, "alice")) - alone
        assert.isAtMost(more - alone, came)
        // Four at once and four a second, however many come.
        assert.isAtMost(more - alone, (4 + 4 * 5 + 2) * 36)
        assert.isTrue(saidBy(stage, "alice").every((datagram) => datagram[0] === 2))
      }),
    ),
  )

  it.effect("floods a peer with a hundred thousand datagrams: bob, who comes after that, is found", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* Stage.make()
        const alice = yield* somebody(stage, "alice")
        yield* Effect.scoped(
          Effect.gen(function* () {
            const attacker = yield* attackerAtBobs(stage)
            const datagrams = Array.from({ length: 100 }, (_, i) => {
              const [nonce, echo] = [bytesOf(`flood ${i}`, 16), bytesOf(`echo ${i}`, 16)]
              return [
                DirectDatagram.encode({ _tag: "Connect", nonce, echo: i % 2 === 0 ? echo : new Uint8Array(16) }),
                ...DirectDatagram.fragments(3, bytesOf(`XX3 ${i}`, 384), { nonce, echo }),
                Uint8Array.of(1, 0, 0, 0, ...bytesOf(`record ${i}`, 92)),
                bytesOf(`noise ${i}`, i),
              ]
            }).flat()
            for (let sent = 0; sent < 100_000; sent += 400) {
              for (const datagram of datagrams) attacker.send(datagram)
              yield* Effect.sleep(20)
            }
          }),
        )
        assert.isAtMost(saidBy(stage, "alice").length, 200)
        yield* comeUp(alice, yield* somebody(stage, "bob"))
      }),
    ),
  )
})

describe("who has heard our nonce, and says what is none", () => {
  /** An initiator that has said XX1, the responder's side of it, and what comes of an XX2. */
  const initiator = () => {
    const side = new Side(aliceKeys, "alice")
    const own = side.state.config.nonce
    // Smaller than hers.
    const nonce = new Uint8Array(16).with(15, 1)
    side.hear(DirectDatagram.encode({ _tag: "Connect", nonce, echo: own }), 0)
    const pieces = side.sent.map(DirectDatagram.decode).flatMap((one) => (one?._tag === "Fragment" ? [one.piece] : []))
    const xx1 = Bytes.concat(...pieces)
    const answered = DirectHandshake.answer(primitives, bobKeys, { initiator: own, responder: nonce }, xx1, {
      ephemeral: bytesOf("bob ephemeral", 32),
      kemEntropy: bytesOf("bob kem", 32),
    })!
    let now = 1000
    const hear = (xx2: Uint8Array) => {
      now += 6000
      for (const one of DirectDatagram.fragments(2, xx2, { nonce, echo: own })) side.hear(one, now)
      return side.keys.length
    }
    return { hear, xx2: answered.xx2 }
  }

  it("a low-order key, a changed byte anywhere in XX2, zeros: no keys, and the genuine XX2 still brings them", () => {
    const { hear, xx2 } = initiator()
    const lowOrder = [0, 1].map((first) => xx2.slice().fill(0, 0, 32).with(0, first))
    const changed = Array.from({ length: 64 }, (_, i) => xx2.with(i * 24, xx2[i * 24]! ^ 128))
    for (const bad of [...lowOrder, ...changed, new Uint8Array(1536)]) assert.strictEqual(hear(bad), 0)
    assert.strictEqual(hear(xx2), 1)
  })
})

describe("downgrade", () => {
  const plain = Effect.fnUntraced(function* (stage: Stage.Stage, dialect: Dialect) {
    const screen = yield* MemoryScreen.make({ interactive: true })
    const { address, port } = stage.at.alice
    const via = { _tag: "Direct", remote: { host: address, port }, localPort: Stage.port } as const
    yield* Effect.flatMap(Peer, (peer) => peer.run({ name: "bob" as Username, dialect, via })).pipe(
      Effect.provide(
        Peer.layer.pipe(
          Layer.provide([
            ChatSession.layer,
            screen.layer,
            Layer.succeed(PeerTransport, stage.transports.bob),
            Layer.succeed(RendezvousClient, RendezvousClient.of({ connect: () => Effect.never })),
          ]),
        ),
      ),
      Effect.ignore,
      Effect.forkScoped({ startImmediately: true }),
    )
    return screen
  })

  for (const dialect of ["readme", "original"] as const) {
    it.effect(`a plaintext peer (${dialect}) at the address: neither understands a word of the other`, () =>
      inVirtualTime(
        Effect.gen(function* () {
          const stage = yield* Stage.make()
          const alice = yield* somebody(stage, "alice")
          const bob = yield* plain(stage, dialect)
          yield* alice.screen.type("a secret")
          const events = [yield* alice.screen.nextOf("closed"), yield* bob.nextOf("closed")]
          assert.deepStrictEqual(
            events.map(({ reason }) => reason),
            ["unreachable", "unreachable"],
          )
          assert.deepStrictEqual(yield* alice.exit, Option.some(3))
          assert.isTrue(saidBy(stage, "alice").every((datagram) => datagram[0] === 2 && datagram.length === 36))
          // Nothing she says reads as plaintext, and what he says is none of what she listens to.
          for (const datagram of saidBy(stage, "alice"))
            assert.isTrue(Result.isFailure(PeerMessage.decode(dialect, datagram)))
          for (const datagram of saidBy(stage, "bob")) assert.isUndefined(DirectDatagram.decode(datagram))
        }),
      ),
    )
  }
})
