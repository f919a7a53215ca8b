import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { PeerSocket } from "nomitm/services/PeerTransport"
import { ChatSockets } from "nomitm/services/chat/ChatSockets"
import * as Spray from "nomitm/domain/reach/Spray"
import { inVirtualTime } from "../../virtualTime.ts"

describe("sockets of a search that is over while they are being bound", () => {
  it.effect("are not there afterwards", () =>
    inVirtualTime(
      Effect.gen(function* () {
        const scope = yield* Effect.scope
        const context = yield* Effect.context<never>()
        let open = 0
        const socket: PeerSocket = {
          local: { address: "0.0.0.0", port: 40_000 },
          send: () => {},
          receive: () => Effect.void,
        }
        // As on a system: binding takes a turn of the event loop, here a millisecond.
        const bind = () =>
          Effect.acquireRelease(
            Effect.andThen(
              Effect.sleep(1),
              Effect.sync(() => (open++, socket)),
            ),
            () => Effect.sync(() => void open--),
          )
        const sockets = new ChatSockets(
          {
            transport: { bind, resolve: () => Effect.die("no names"), addresses: Effect.succeed([]) },
            fork: (effect, scope) => void Fiber.runIn(Effect.runForkWith(context)(effect), scope),
          },
          { received: () => {} },
          scope,
        )
        sockets.open(1, Spray.openSockets, undefined)
        yield* Effect.sleep(2)
        // A path is proven by one of the first: the machine says so once, and never again while that path lives.
        sockets.closeAllBut([0, 1])
        yield* Effect.sleep("1 minute")
        assert.strictEqual(open, 1)
      }),
    ),
  )
})
