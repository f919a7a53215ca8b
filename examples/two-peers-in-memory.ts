/**
 * Two peers that talk over the in-memory network, each behind a NAT of its own, and the server that brings them
 * together: the same services as on real sockets, without any. They speak plaintext (`nomitm/0`); in
 * `sealed-peers-in-memory.ts` two peers do the same with keys.
 *
 * Run it: `node examples/two-peers-in-memory.ts` (after `npm run build`).
 */
import { Effect, Layer, Option, Random, Schema } from "effect"
import { ChatSession, PortAllocator, RendezvousClient, RendezvousServer } from "nomitm"
import { type MemoryHost, MemoryNetwork } from "nomitm/adapters/memory/MemoryNetwork"
import { natKinds } from "nomitm/adapters/memory/NatKind"
import { Username } from "nomitm/domain/Username"
import type { Agreement } from "nomitm/services/link/RendezvousClient"

const name = Schema.decodeSync(Username)
const server = { host: "chat.example", port: 6969 }

/** Registers from a host; a call leads to a chat, and so does being called. */
const goOnline = Effect.fnUntraced(function* (self: string, host: MemoryHost) {
  const { connect } = yield* Effect.provide(RendezvousClient, RendezvousClient.layer.pipe(Layer.provide(host.layer)))
  const { open } = yield* Effect.provide(ChatSession, ChatSession.layer)
  const link = yield* connect({ server, name: name(self), dialect: "readme", available: () => true })
  const talk = (agreed: Agreement) => open({ ...agreed, dialect: "readme", self, patience: "10 seconds" })
  return {
    call: (peer: string) => Effect.flatMap(link.call(name(peer)), talk),
    answer: Effect.flatMap(link.incoming, talk),
  }
})

const program = Effect.gen(function* () {
  // An internet of three addresses with 20 ms between them, which loses every twentieth datagram.
  const network = yield* MemoryNetwork.make({
    link: { latencyMillis: 20, loss: 0.05 },
    names: { "chat.example": "203.0.113.10" },
  })
  const rendezvous = yield* network.host({ address: "203.0.113.10" })
  const homeOfAlice = yield* network.nat({ address: "198.51.100.1", kind: natKinds.portRestrictedCone })
  const homeOfBob = yield* network.nat({ address: "198.51.100.2", kind: natKinds.portRestrictedCone })
  const alicesLaptop = yield* network.host({ address: "192.168.1.10", nat: homeOfAlice })
  const bobsLaptop = yield* network.host({ address: "192.168.1.10", nat: homeOfBob })

  yield* Layer.build(
    RendezvousServer.layer({ address: "0.0.0.0", port: 6969, dialect: "readme" }).pipe(
      Layer.provide([rendezvous.layer, PortAllocator.layer()]),
    ),
  )

  const alice = yield* goOnline("alice", alicesLaptop)
  const bob = yield* goOnline("bob", bobsLaptop)
  const [toBob, toAlice] = yield* Effect.all([alice.call("bob"), bob.answer], { concurrency: 2 })
  process.stdout.write(`alice hears ${yield* toBob.opened}, bob hears ${yield* toAlice.opened}\n`)

  // The seed's messages are not repeated when they are lost: say it until it is heard.
  const heard = yield* toBob
    .say("hello through two NATs")
    .pipe(Effect.andThen(Effect.timeoutOption(toAlice.receive, "100 millis")), Effect.repeat({ until: Option.isSome }))
  process.stdout.write(`bob reads: ${Option.getOrThrow(heard)}\n`)
  yield* toBob.close
  process.stdout.write(`the chat is over for bob: ${yield* toAlice.ended}\n`)
})

// The same chances in every run.
await Effect.runPromise(program.pipe(Effect.scoped, Random.withSeed("two peers")))
