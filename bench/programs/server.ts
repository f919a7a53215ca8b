/**
 * The rendezvous server as `nomitm server` composes it, with limits that let a load through.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as NodeRendezvousTransport from "../../src/adapters/node/NodeRendezvousTransport.ts"
import { PortAllocator } from "../../src/services/PortAllocator.ts"
import { RendezvousServer } from "../../src/services/server/RendezvousServer.ts"
import * as ServerLimits from "../../src/services/server/ServerLimits.ts"
import { answer } from "./answer.ts"

const limits = Layer.succeed(ServerLimits.ServerLimits, {
  ...ServerLimits.defaults,
  connections: 1_000_000,
  connectionsPerAddress: 1_000_000,
  lines: { burst: 1_000_000_000, perSecond: 1_000_000_000 },
})

const server = RendezvousServer.layer({ address: "127.0.0.1", port: 0, dialect: "readme" }).pipe(
  Layer.provide([NodeRendezvousTransport.layer, PortAllocator.layer(), limits]),
)

const { local } = await Effect.runPromise(
  Effect.provide(
    RendezvousServer,
    Layer.succeedContext(await Effect.runPromise(Layer.buildWithScope(server, Scope.makeUnsafe()))),
  ),
)

answer({ port: () => local.port })
