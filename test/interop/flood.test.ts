/* oxlint-disable unicorn/require-post-message-target-origin -- threads, not windows */
/**
 * SPEC section 8.3 on a real socket, in real time: the flood of Connects with which an original starts.
 */
import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import * as NodePeerTransport from "../../src/adapters/node/NodePeerTransport.ts"
import { ChatSession } from "../../src/services/chat/ChatSession.ts"
import { PeerTransport } from "../../src/services/PeerTransport.ts"

/** What the flooder says first, and last. */
type Report =
  | { readonly port: number }
  | { readonly sent: number; readonly connectsHeard: number; readonly text: string }

const startFlooder = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => new Worker(join(import.meta.dirname, "flooder.ts"), { workerData: { port } })),
    (worker) => Effect.promise(() => worker.terminate()),
  )

const next = (worker: Worker) =>
  Effect.callback<Report>((resume) => {
    worker.once("message", (report: Report) => resume(Effect.succeed(report)))
    worker.once("error", (error) => resume(Effect.die(error)))
  })

it.live("SPEC 8.3: a flood of Connects, up to 60,000 a second for two seconds, ends in a chat", () =>
  Effect.gen(function* () {
    const transport = yield* PeerTransport
    const sessions = yield* ChatSession
    const socket = yield* transport.bind({ port: 0, address: "127.0.0.1" })
    const worker = yield* startFlooder(socket.local.port)
    const ready = yield* next(worker)
    assert.isTrue("port" in ready)
    if (!("port" in ready)) return

    const remote = { address: "127.0.0.1", port: ready.port }
    const chat = yield* sessions.open({
      socket,
      remote,
      dialect: "original",
      self: "ours",
      peer: Option.some("orig"),
      patience: "15 seconds",
    })
    // Whatever comes in, the rest of the program goes on.
    let ticks = 0
    yield* Effect.sync(() => void (ticks += 1)).pipe(Effect.repeat(Schedule.spaced(20)), Effect.forkScoped)

    const since = yield* Clock.currentTimeMillis
    worker.postMessage("start")
    yield* chat.opened
    assert.strictEqual(yield* chat.receive, "hello")
    const seconds = ((yield* Clock.currentTimeMillis) - since) / 1000
    const told = next(worker)
    yield* chat.say("hello yourself")
    const report = yield* told
    assert.isTrue("sent" in report)
    if (!("sent" in report)) return
    assert.strictEqual(report.text, "hello yourself")
    assert.isAbove(report.sent, 2000)
    assert.isAtMost(report.connectsHeard, 10 + 10 * seconds, "a flood is not answered by one")
    assert.isAbove(ticks, seconds)
  }).pipe(Effect.provide([NodePeerTransport.layer, ChatSession.layer])),
)
