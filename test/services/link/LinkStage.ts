/**
 * A server over TLS and people's links to it, without the rest of their peers, in one of the worlds.
 */
import { assert } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import * as NodeCryptography from "nomitm/adapters/node/NodeCryptography"
import type { Identity } from "nomitm/domain/identity/Identity"
import * as Who from "nomitm/domain/nomitm1/Who"
import type { PersonName } from "nomitm/domain/PersonName"
import { PeerTransport } from "nomitm/services/PeerTransport"
import { type Connection, RendezvousTransport } from "nomitm/services/RendezvousTransport"
import type { CallWire, Options, SealedAgreement, SealedLink, WireEvent } from "nomitm/services/link/SealedLink"
import { SealedRendezvous } from "nomitm/services/link/SealedRendezvous"
import * as SecureStage from "../server/SecureStage.ts"
import type { Host, Mishaps, World } from "../worlds.ts"

export interface Person {
  readonly identity: Identity
  readonly link: SealedLink
  /** Ends the link. */
  readonly leave: Effect.Effect<void>
  /** Whether a port can be bound: nobody holds it. */
  readonly isFree: (port: number) => Effect.Effect<boolean>
}

interface PersonOptions extends Partial<Pick<Options, "relayOnly" | "resumable" | "knowledge">> {
  /** Is given all that goes to the server. */
  readonly onSend?: (text: string) => void
}

export interface Stage {
  /** Somebody at `address(n)`, who takes all calls. */
  readonly person: (name: string, n: number, options?: PersonOptions) => Effect.Effect<Person, unknown, Scope.Scope>
  readonly mishaps: Mishaps | undefined
}

/** What is known of people by who knows nobody, and takes all calls. */
export const strangers: Options["knowledge"] = {
  admits: () => "Accept",
  pskOf: () => undefined,
  highestSerial: () => undefined,
  pinned: () => undefined,
}

/** The same transports; all that is sent on connections is heard. */
const tapped = (
  context: Context.Context<PeerTransport | RendezvousTransport>,
  onSend: (text: string) => void,
): Context.Context<PeerTransport | RendezvousTransport> => {
  const transport = Context.get(context, RendezvousTransport)
  const tap = (connection: Connection): Connection => ({
    ...connection,
    send: (text) => {
      onSend(text)
      connection.send(text)
    },
  })
  return Context.add(context, RendezvousTransport, {
    ...transport,
    connect: (options) => Effect.map(transport.connect(options), tap),
  })
}

/** A test on this stage. */
export const promise =
  (world: World) =>
  (
    name: string,
    program: (stage: Stage) => Effect.Effect<void, unknown, Scope.Scope>,
    options: SecureStage.ServerOptions = {},
  ): void =>
    world.test(name, (host: (n: number) => Host, mishaps) =>
      Effect.gen(function* () {
        const server = yield* SecureStage.startServer(world.address(1), host(1), options)
        return yield* program({
          mishaps,
          person: Effect.fnUntraced(function* (name, n, { onSend = () => {}, ...options } = {}) {
            const identity = yield* SecureStage.person(name)
            const own = yield* Scope.fork(yield* Effect.scope)
            const context = tapped(yield* Layer.build(host(n)), onSend)
            const localAddress = world.address(n)
            const layer = Layer.provide(SealedRendezvous.layer, [Layer.succeedContext(context), NodeCryptography.layer])
            const link = yield* Effect.flatMap(SealedRendezvous, ({ connect }) =>
              connect({
                server: { host: server.host, port: server.port },
                localAddress,
                identity,
                name: name as PersonName,
                unlisted: false,
                knowledge: strangers,
                useUpInvitation: () => Effect.succeed(false),
                onTurnedAway: () => {},
                trust: () => Effect.void,
                ...options,
              }),
            ).pipe(Effect.provide(layer), Scope.provide(own))
            const { bind } = Context.get(context, PeerTransport)
            return {
              identity,
              link,
              leave: Scope.close(own, Exit.void),
              isFree: (port) => Effect.isSuccess(Effect.scoped(bind({ port, address: localAddress }))),
            } satisfies Person
          }),
        })
      }),
    )

export const byName = (name: string) => Who.byName(name as PersonName)

/** One calls the other; both have the agreement, in scopes of their own. */
export const agree = Effect.fnUntraced(function* (caller: Person, callee: Person, resumes?: Uint8Array) {
  const [ours, theirs] = [yield* Scope.fork(yield* Effect.scope), yield* Scope.fork(yield* Effect.scope)]
  const [one, other] = yield* Effect.all(
    [
      Scope.provide(caller.link.call({ who: Who.byId(callee.identity.id), resumes }), ours),
      Scope.provide(callee.link.incoming, theirs),
    ],
    { concurrency: "unbounded" },
  )
  const side = (agreement: SealedAgreement, scope: Scope.Closeable) => ({
    ...agreement,
    release: Scope.close(scope, Exit.void),
  })
  return [side(one, ours), side(other, theirs)] as const
})

/** What comes over a wire; `next` waits for the next event of a kind. */
export const listen = Effect.fnUntraced(function* (wire: CallWire) {
  const events: Array<WireEvent> = []
  yield* wire.receive((event) => void events.push(event))
  const next = <Tag extends WireEvent["_tag"]>(tag: Tag): Effect.Effect<Extract<WireEvent, { readonly _tag: Tag }>> =>
    Effect.gen(function* () {
      for (let waited = 0; waited < 1000; waited++) {
        const at = events.findIndex(({ _tag }) => _tag === tag)
        if (at >= 0) return events.splice(at, 1)[0] as Extract<WireEvent, { readonly _tag: Tag }>
        yield* Effect.sleep("10 millis")
      }
      return assert.fail(`no ${tag}; there was ${events.map(({ _tag }) => _tag).join()}`)
    })
  return { events, next }
})
