/**
 * Two peers with keys and a server over TLS, on the in-memory network: Alice calls Bob, it rings, he accepts, they talk
 * in sealed records and compare a short string. Then she calls again and expects another key than he has.
 *
 * Run it: `node examples/sealed-peers-in-memory.ts` (after `npm run build`).
 */
import { Effect, Layer, Schema } from "effect"
import {
  NameStore,
  PortAllocator,
  PortMapper,
  Profile,
  RendezvousServer,
  type SealedAgreement,
  SealedChat,
  type SealedChatSession,
  SealedRendezvous,
  throughServer,
} from "nomitm"
import { type MemoryHost, MemoryNetwork } from "nomitm/adapters/memory/MemoryNetwork"
import * as EnglishWords from "nomitm/adapters/node/EnglishWords"
import * as NodeCryptography from "nomitm/adapters/node/NodeCryptography"
import * as NodeServerIdentity from "nomitm/adapters/node/NodeServerIdentity"
import type * as Calls from "nomitm/domain/call/Calls"
import { byName } from "nomitm/domain/nomitm1/Who"
import { PersonName } from "nomitm/domain/PersonName"
import { formatKey } from "nomitm/domain/ServerAddress"

const name = Schema.decodeSync(PersonName)
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const tls = NodeServerIdentity.ofKey(NodeServerIdentity.generateKey())

class WrongServer extends Schema.TaggedError<WrongServer>()("WrongServer", {}) {}

/** What this program knows of people: nobody, and everybody may ring. `Profile` and contacts are for more. */
const knowledge: Pick<Calls.Config, "admits" | "pskOf" | "highestSerial" | "pinned"> = {
  admits: () => "Ring",
  pskOf: () => undefined,
  highestSerial: () => undefined,
  pinned: () => undefined,
}

/** Registers with a key of its own, at the server whose key is pinned, and at no other. */
const goOnline = (self: string, host: MemoryHost) =>
  Effect.gen(function* () {
    const { connect } = yield* SealedRendezvous
    const profile = yield* Profile
    const link = yield* connect({
      server: { host: "chat.example", port: 6969 },
      name: name(self),
      unlisted: false,
      identity: yield* profile.identity,
      knowledge,
      useUpInvitation: () => Effect.succeed(false),
      onTurnedAway: () => {},
      trust: ({ serverKey }) =>
        formatKey(serverKey) === formatKey(tls.serverKey) ? Effect.void : Effect.fail(new WrongServer()),
    })
    return { link, host, id: profile.id }
  })

type Online = Effect.Success<ReturnType<typeof goOnline>>

/** Everything a peer needs, on a host. The profile is gone with the program. */
const peerOn = (host: MemoryHost) =>
  SealedRendezvous.layer.pipe(
    Layer.provideMerge(Profile.layerMemory()),
    Layer.provide([NodeCryptography.layer, host.layer]),
  )

const chats = SealedChat.layer.pipe(Layer.provide([NodeCryptography.layer, EnglishWords.layer, PortMapper.layerNone]))

/** Opens the chat that both have agreed on, by whatever way there is. */
const talk =
  ({ link, host }: Online) =>
  (agreement: SealedAgreement) =>
    Effect.flatMap(SealedChat, ({ open }) =>
      open({ keys: agreement.keys, way: throughServer(link, agreement), patience: "10 seconds" }),
    ).pipe(Effect.provide(chats.pipe(Layer.provide(host.layer))))

/** Takes the next call that rings. */
const answer = (online: Online) =>
  Effect.gen(function* () {
    const { ringing, incoming } = online.link
    const { caller, accept } = yield* ringing
    say(`it rings at bob's: ${caller.name}`)
    yield* accept
    return yield* Effect.flatMap(incoming, talk(online))
  })

/** One side starts it, and both see three words to compare by voice: the same, if nobody is in the middle. */
const seeTheSame = (starter: SealedChatSession, other: SealedChatSession) =>
  Effect.gen(function* () {
    yield* starter.verify
    const seen = yield* Effect.all([starter.verification, other.verification], { concurrency: 2 })
    const [hers, his] = seen.map((one) => (one._tag === "Compare" ? one.words.join(" ") : one.why))
    return hers === his
  })

const program = Effect.gen(function* () {
  const network = yield* MemoryNetwork.make({
    link: { latencyMillis: 20 },
    names: { "chat.example": "203.0.113.10" },
  })
  const rendezvous = yield* network.host({ address: "203.0.113.10" })
  const alicesLaptop = yield* network.host({ address: "198.51.100.1" })
  const bobsLaptop = yield* network.host({ address: "198.51.100.2" })

  yield* Layer.build(
    RendezvousServer.layerSecure({ address: "0.0.0.0", port: 6969, dialect: "readme", tls, plaintext: false }).pipe(
      Layer.provide([rendezvous.layer, PortAllocator.layer(), NameStore.layerMemory, NodeCryptography.layer]),
    ),
  )
  const alice = yield* Effect.provide(goOnline("alice", alicesLaptop), peerOn(alicesLaptop))
  const bob = yield* Effect.provide(goOnline("bob", bobsLaptop), peerOn(bobsLaptop))

  const call = Effect.flatMap(alice.link.call({ who: byName(name("bob")) }), talk(alice))
  const [toBob, toAlice] = yield* Effect.all([call, answer(bob)], { concurrency: 2 })
  yield* Effect.all([toBob.opened, toAlice.opened])
  yield* toBob.say("nobody in the middle?")
  say(`bob reads: ${yield* toAlice.receive}`)

  say(`both see the same three words: ${yield* seeTheSame(toAlice, toBob)}`)
  yield* toBob.close
  say(`the chat is over for bob: ${yield* toAlice.ended}`)

  // She pins a key now, and it is not his: her own will do.
  const pinned = alice.link.call({ who: byName(name("bob")), expected: alice.id })
  const refused = yield* Effect.flip(Effect.asVoid(pinned))
  say(`alice expects another key: ${refused._tag === "CallFailed" ? refused.code : refused.reason}`)
})

await Effect.runPromise(program.pipe(Effect.scoped))
