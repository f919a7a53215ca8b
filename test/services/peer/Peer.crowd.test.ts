/**
 * A crowd in which everybody calls, talks and closes at random on a lossy network, while the server comes and goes.
 * Whatever happened: in the end no port is held, and any two can talk.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import type { PeerTransport } from "nomitm/services/PeerTransport"
import { defaultRange } from "nomitm/services/PortAllocator"
import { inVirtualTime } from "../../virtualTime.ts"
import * as PeerStage from "./PeerStage.ts"

const names = ["ann", "ben", "cat", "dan", "eve"]

type Stage = Effect.Success<ReturnType<typeof PeerStage.make>>
const below = (limit: number) => Random.nextIntBetween(0, limit - 1)

/** Something that a person does, or that happens to the server. */
const happening = Effect.fnUntraced(function* (stage: Stage, people: ReadonlyArray<PeerStage.Person>, turn: number) {
  const { screen } = people[yield* below(names.length)]!
  const dice = yield* below(100)
  if (dice < 45) return yield* screen.type(`/chat ${names[yield* below(names.length)]}`)
  if (dice < 65) return yield* screen.type("/close")
  if (dice < 80) return yield* screen.type(`text ${turn}`)
  if (dice < 96) return yield* screen.type("/list")
  if (dice < 98) return yield* stage.network.cutStreams(stage.serverHost)
  yield* stage.stopServer
  yield* Effect.sleep("1 second")
  yield* stage.startServer
})

/** The ports of those that a server draws from that somebody has. */
const heldPorts = Effect.fnUntraced(function* (transport: PeerTransport["Service"]) {
  const held: Array<number> = []
  for (let port: number = defaultRange.first; port <= defaultRange.last; port++) {
    if (yield* Effect.isFailure(Effect.scoped(transport.bind({ port })))) held.push(port)
    if (port % 1000 === 0) yield* Effect.sleep(1)
  }
  return held
})

describe.each(["readme", "original"] as const)("a crowd, in the %s dialect", (dialect) => {
  it.effect.each([1, 2])("holds no port and keeps nobody waiting afterwards (%i)", (seed) =>
    inVirtualTime(
      Effect.gen(function* () {
        const stage = yield* PeerStage.make(dialect)
        yield* stage.startServer
        const people = yield* Effect.forEach(names, (name, i) => stage.person(name, i + 2))
        for (const { screen } of people) yield* screen.nextOf("registered")
        yield* stage.network.setLink({ jitterMillis: 30, loss: 0.1 })
        for (let turn = 0; turn < 120; turn++) {
          yield* happening(stage, people, turn)
          yield* Effect.sleep(yield* below(400))
        }
        yield* stage.network.setLink({ jitterMillis: 0, loss: 0 })
        // Longer than a call without an answer, a reconnection, and a port kept for a chat that does not come may take.
        yield* Effect.sleep("100 seconds")
        for (const { screen } of people) yield* screen.type("/close")
        yield* Effect.sleep("60 seconds")
        for (const { host } of people) assert.deepEqual(yield* heldPorts(host.peerTransport), [])

        for (const [i, { screen: caller }] of people.entries()) {
          const j = (i + 1) % names.length
          const callee = people[j]!.screen
          yield* caller.type(`/chat ${names[j]}`)
          yield* caller.type("hello")
          yield* Effect.repeat(callee.nextOf("message"), { until: ({ text }) => text === "hello" })
          yield* caller.type("/close")
          yield* Effect.sleep("1 second")
        }
      }).pipe(Random.withSeed(`crowd ${seed}`)),
    ),
  )
})
