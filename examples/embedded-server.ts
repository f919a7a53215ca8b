/**
 * A rendezvous server inside another Effect program: it lives in a scope of that program, which watches what happens
 * and has its own idea of how much a stranger may use. It serves plaintext (`nomitm/0`); README.md has one over TLS.
 *
 * Run it: `node examples/embedded-server.ts` (after `npm run build`).
 */
import { Effect, Layer } from "effect"
import { defaultLimits, PortAllocator, RendezvousServer, ServerLimits, ServerObserver } from "nomitm"
import * as NodeRendezvousTransport from "nomitm/adapters/node/NodeRendezvousTransport"

const server = RendezvousServer.layer({ address: "127.0.0.1", port: 0, dialect: "readme" }).pipe(
  Layer.provide([
    NodeRendezvousTransport.layer,
    PortAllocator.layer({ first: 50_000, last: 50_999 }),
    Layer.succeed(ServerLimits, { ...defaultLimits, connections: 100 }),
    Layer.succeed(ServerObserver, (event) => process.stdout.write(`server: ${JSON.stringify(event)}\n`)),
  ]),
)

/** The rest of the program: whatever needs the server. */
const program = Effect.gen(function* () {
  const { local } = yield* RendezvousServer
  process.stdout.write(`Clients may connect to ${local.address}:${local.port} for a second.\n`)
  yield* Effect.sleep("1 second")
  process.stdout.write("The program ends, and its server with it.\n")
})

await Effect.runPromise(Effect.provide(program, server))
