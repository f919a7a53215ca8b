/**
 * People with keys and their peers, and a server over TLS, in one of the worlds.
 */
import { Clock, Context, Effect, Exit, Fiber, Layer, Result, Scope } from "effect"
import * as MemoryScreen from "nomitm/adapters/memory/MemoryScreen"
import * as EnglishWords from "nomitm/adapters/node/EnglishWords"
import * as NodeCryptography from "nomitm/adapters/node/NodeCryptography"
import * as CallHandshake from "nomitm/domain/call/CallHandshake"
import * as Invitation from "nomitm/domain/call/Invitation"
import * as LinkChannel from "nomitm/domain/call/LinkChannel"
import { type Endpoint, formatHostPort } from "nomitm/domain/Endpoint"
import type { Identity } from "nomitm/domain/identity/Identity"
import * as Certificate from "nomitm/domain/identity/Certificate"
import * as ClientLine from "nomitm/domain/nomitm1/ClientLine"
import * as ServerLine from "nomitm/domain/nomitm1/ServerLine"
import type { PersonName } from "nomitm/domain/PersonName"
import type { PeerEvent } from "nomitm/domain/PeerEvent"
import type { ServerAddress } from "nomitm/domain/ServerAddress"
import * as InvitationBook from "nomitm/domain/profile/InvitationBook"
import { KnownServers } from "nomitm/services/KnownServers"
import { NameStore } from "nomitm/services/NameStore"
import { PeerTransport } from "nomitm/services/PeerTransport"
import { PortMapper } from "nomitm/services/PortMapper"
import { Profile } from "nomitm/services/profile/Profile"
import { SealedChat } from "nomitm/services/chat/SealedChat"
import * as SealedPeer from "nomitm/services/peer/SealedPeer"
import { type Connection, RendezvousTransport } from "nomitm/services/RendezvousTransport"
import { SealedRendezvous } from "nomitm/services/link/SealedRendezvous"
import type { Options } from "nomitm/services/peer/SealedWay"
import type { ServerIdentity } from "nomitm/services/ServerIdentity"
import * as SecureStage from "../server/SecureStage.ts"
import { type Host, identity, type Mishaps, type World } from "../worlds.ts"

export interface Person {
  readonly screen: MemoryScreen.MemoryScreen
  /** Waits for the end; the exit code. */
  readonly exit: Effect.Effect<number>
  readonly interrupt: Effect.Effect<void>
  readonly profile: Profile["Service"]
}

export interface PersonOptions extends Partial<Pick<Options, "policy" | "unlisted" | "join" | "relay">> {
  readonly interactive?: boolean
  /** Whose keys and contacts: another label, another person. The same label is the same profile. */
  readonly profile?: string
  readonly server?: ServerAddress
  /** A liar: what they say their name is to whom they call, where they are registered under another. */
  readonly says?: string
  /** A hostile server: what is heard instead of what it says. */
  readonly hears?: (text: string) => string
  /** Is told what they say to the server. */
  readonly tells?: (text: string) => void
  /** Is told of each datagram that they send. */
  readonly sends?: (datagram: Uint8Array, to: Endpoint) => void
}

export interface Stage {
  /** Somebody at `address(n)`, registered under this name. */
  readonly person: (name: string, n: number, options?: PersonOptions) => Effect.Effect<Person, never, Scope.Scope>
  readonly server: () => ServerAddress
  readonly world: World
  readonly host: (n: number) => Host
  /** None on real sockets. */
  readonly mishaps: Mishaps | undefined
  readonly stopServer: Effect.Effect<void>
  /** Starts it again: names stay owned. With lookups it tells by UDP where it sees people, as the command does. */
  readonly startServer: (tls?: ServerIdentity, lookups?: SecureStage.ServerOptions["lookups"]) => Effect.Effect<void>
  /** A link to somebody. */
  readonly invite: (who: Person, seconds?: number) => Effect.Effect<Invitation.Invitation>
}

export const error = (code: string) => (event: PeerEvent) => event.event === "error" && event.code === code

/** Waits for an error of this code; what comes before is passed over. */
export const problem = ({ screen }: Person, code: string) =>
  Effect.repeat(screen.nextOf("error"), { until: error(code) })

/** A test on this stage. */
export const promise =
  (world: World) =>
  (name: string, program: (stage: Stage) => Effect.Effect<void, unknown, Scope.Scope>): void =>
    world.test(name, (host: (n: number) => Host, mishaps: Mishaps | undefined) =>
      Effect.gen(function* () {
        const outer = yield* Effect.scope
        let running = yield* Scope.fork(outer)
        let address: ServerAddress = { host: world.address(1), port: 0, pins: [identity.serverKey] }
        const names = yield* Layer.build(NameStore.layerMemory)
        const startServer = Effect.fnUntraced(function* (
          tls?: ServerIdentity,
          lookups?: SecureStage.ServerOptions["lookups"],
        ) {
          running = yield* Scope.fork(outer)
          const { port } = yield* SecureStage.startServer(world.address(1), host(1), {
            port: address.port,
            names: Layer.succeedContext(names),
            ...(tls === undefined ? {} : { tls }),
            ...(lookups === undefined ? {} : { lookups }),
          }).pipe(Scope.provide(running), Effect.orDie)
          address = { ...address, port }
        })
        yield* startServer()

        const profiles = new Map<string, Context.Context<Profile | KnownServers>>()
        const profileOf = Effect.fnUntraced(function* (label: string) {
          const known = profiles.get(label)
          if (known !== undefined) return known
          const seed = SecureStage.bytesOf(label, 32)
          const made = yield* Layer.buildWithScope(
            Layer.merge(
              Profile.layerMemory({ seed }).pipe(Layer.provide(NodeCryptography.layer)),
              KnownServers.layerMemory,
            ),
            outer,
          )
          profiles.set(label, made)
          return made
        })

        return yield* program({
          startServer,
          world,
          host,
          mishaps,
          server: () => address,
          stopServer: Effect.suspend(() => Scope.close(running, Exit.void)),
          person: Effect.fnUntraced(function* (name, n, options = {}) {
            const screen = yield* MemoryScreen.make({ interactive: options.interactive ?? true })
            const profile = yield* profileOf(options.profile ?? name)
            const { says = name, hears = (text) => text, tells = () => {}, sends } = options
            const own = sends === undefined ? host(n) : tapped(host(n), sends)
            const transports =
              says === name && options.hears === undefined && options.tells === undefined
                ? own
                : lying(own, Context.get(profile, Profile), name, { says, hears, tells })
            const peer = SealedPeer.throughServer({
              name: says as PersonName,
              server: options.server ?? address,
              unlisted: options.unlisted ?? false,
              policy: options.policy ?? "ask",
              localAddress: world.address(n),
              relay: options.relay ?? "auto",
              join: options.join,
            }).pipe(
              Effect.provide(
                Layer.mergeAll(
                  SealedRendezvous.layer,
                  SealedChat.layer,
                  screen.layer,
                  Layer.succeedContext(profile),
                ).pipe(
                  Layer.provideMerge(NodeCryptography.layer),
                  Layer.provide([EnglishWords.layer, transports, PortMapper.layerNone]),
                ),
              ),
              Effect.match({ onSuccess: () => 0, onFailure: ({ exitCode }) => exitCode }),
            )
            const fiber = yield* Effect.forkScoped(peer, { startImmediately: true })
            return {
              screen,
              profile: Context.get(profile, Profile),
              exit: Fiber.join(fiber),
              interrupt: Fiber.interrupt(fiber),
            } satisfies Person
          }),
          invite: Effect.fnUntraced(function* ({ profile }, seconds = 3600) {
            const secret = SecureStage.bytesOf("an invitation", 16)
            const now = yield* Effect.map(
              Effect.clockWith((clock) => clock.currentTimeMillis),
              (ms) => Math.floor(ms / 1000),
            )
            const { primitives } = SecureStage
            yield* profile
              .updateInvitations((book) =>
                Result.map(
                  InvitationBook.issue(
                    book,
                    {
                      inviteId: Invitation.inviteId(primitives, secret),
                      psk: Invitation.psk(primitives, secret),
                      server: formatHostPort(address.host, address.port),
                      expiry: now + seconds,
                    },
                    now,
                  ),
                  (next) => [next, undefined] as const,
                ),
              )
              .pipe(Effect.orDie)
            return { ...address, serverKey: identity.serverKey, id: profile.id, secret, expiry: now + seconds }
          }),
        })
      }),
    )

/** A host whose datagrams are looked at. */
const tapped = (host: Host, sends: NonNullable<PersonOptions["sends"]>): Host =>
  Layer.flatMap(host, (transports) => {
    const { bind, ...others } = Context.get(transports, PeerTransport)
    const transport = PeerTransport.of({
      ...others,
      bind: (options) =>
        Effect.map(bind(options), (socket) => ({
          ...socket,
          send: (datagram, to, ttl) => {
            sends(datagram, to)
            socket.send(datagram, to, ttl)
          },
        })),
    })
    return Layer.succeedContext(Context.add(transports, PeerTransport, transport))
  })

/** A host whose peer registers as `name` while it takes itself for `says`, and hears something else than is said. */
const lying = (
  host: Host,
  profile: Profile["Service"],
  name: string,
  { says, hears, tells }: Required<Pick<PersonOptions, "says" | "hears" | "tells">>,
): Host =>
  Layer.flatMap(host, (transports) => {
    const { connect, listen } = Context.get(transports, RendezvousTransport)
    const lie = (connection: Connection, identity: Identity): Connection => ({
      ...connection,
      send: (text) => {
        tells(text)
        connection.send(
          says !== name && text.startsWith("REGISTER ")
            ? `${SecureStage.registerLine(identity, name, connection.secured)}\n`
            : text,
        )
      },
      receive: Effect.map(connection.receive, (chunk) => {
        const text = new TextDecoder().decode(chunk)
        return new TextEncoder().encode(hears(text.replace(`REGISTER ${name} OK`, `REGISTER ${says} OK`)))
      }),
    })
    const transport = RendezvousTransport.of({
      listen,
      connect: (options) =>
        Effect.flatMap(connect(options), (connection) =>
          Effect.map(Effect.orDie(profile.identity), (identity) => lie(connection, identity)),
        ),
    })
    return Layer.succeedContext(Context.add(transports, RendezvousTransport, transport))
  })

/** alice calls bob, who says yes, as soon as both are online. */
export const accepted = Effect.fnUntraced(function* (alice: Person, bob: Person) {
  yield* alice.screen.nextOf("registered")
  yield* bob.screen.nextOf("registered")
  yield* call(alice, bob)
})

/** alice, who is online, calls bob, who says yes. */
export const call = Effect.fnUntraced(function* (alice: Person, bob: Person) {
  yield* alice.screen.type("/chat bob")
  yield* bob.screen.nextOf("incoming")
  yield* bob.screen.type("/accept")
})

/** alice calls bob, who says yes, and a chat begins. */
export const connect = Effect.fnUntraced(function* (alice: Person, bob: Person) {
  yield* accepted(alice, bob)
  return [yield* alice.screen.nextOf("connected"), yield* bob.screen.nextOf("connected")] as const
})

/** Waits until a chat that has begun is on a path without the server. */
export const pastServer = ({ screen }: Person) =>
  Effect.repeat(screen.nextOf("path"), {
    until: (event) => event.event === "path" && event.kind !== "relay" && event.kind !== "none",
  })

/** Somebody with bare lines calls, registered under one name and saying another in the handshake. */
export const callAs = Effect.fnUntraced(function* (
  { server, host, world }: Stage,
  {
    registered,
    says,
    callee,
    n,
  }: { readonly registered: string; readonly says: string; readonly callee: Person; readonly n: number },
) {
  const { primitives } = SecureStage
  const client = yield* SecureStage.register({ ...server(), security: "Tls" }, registered, world.address(n)).pipe(
    Effect.provide(host(n)),
  )
  const certificate = Result.getOrThrow(
    Certificate.decode((yield* Effect.orDie(callee.profile.identity)).certificate.encoded),
  )
  const callId = SecureStage.bytesOf("the call", 16)
  const name = callee.profile.id
  const started = CallHandshake.initiate(primitives, {
    self: { identity: client.who, name: says as PersonName },
    callee: certificate,
    dialled: { _tag: "Id", id: name },
    entropy: { callId, ephemeral: SecureStage.bytesOf("ephemeral", 32), kemSeed: SecureStage.bytesOf("kem", 64) },
  })!
  const say = (line: ClientLine.ClientLine) => client.say(ClientLine.encode(line))
  yield* say({ _tag: "Chat", who: { _tag: "Id", id: name }, callId, m1: started.m1 })
  const heard = (...tags: ReadonlyArray<"Pass" | "AskPort" | "StartChat">) =>
    Effect.repeat(
      Effect.map(client.hear, (line) => Result.getOrUndefined(ServerLine.decode(line))),
      { until: (line) => tags.some((tag) => tag === line?._tag) },
    )
  const m2 = yield* heard("Pass")
  const now = yield* Effect.map(Clock.currentTimeMillis, (millis) => Math.floor(millis / 1000))
  const judgement = { now, highestSerial: () => undefined }
  const keys = CallHandshake.readM2(
    primitives,
    started.state,
    m2?._tag === "Pass" ? m2.data : new Uint8Array(0),
    judgement,
  )!
  const m3 = LinkChannel.seal(primitives, LinkChannel.make(keys), LinkChannel.confirm)!
  yield* say({ _tag: "Pass", callId, data: m3.data })
  return {
    id: client.who.id,
    /** Says yes to a port, and waits until the chat could begin. */
    agree: Effect.gen(function* () {
      // The other side's may be taken, here or by another test: then another one is asked for.
      yield* Effect.repeat(
        Effect.tap(heard("AskPort", "StartChat"), (line) =>
          line?._tag === "AskPort" ? say({ _tag: "PortFree", callId }) : Effect.void,
        ),
        { until: (line) => line?._tag === "StartChat" },
      )
      yield* Effect.sleep(200)
    }),
  }
})
