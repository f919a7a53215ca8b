/**
 * The ways of the seed: in plaintext, through a server or to an address given by hand.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Dialect } from "../../domain/Dialect.ts"
import * as Endpoint from "../../domain/Endpoint.ts"
import * as Problem from "../../domain/Problem.ts"
import * as Username from "../../domain/Username.ts"
import { ChatEnded, ChatSession } from "../chat/ChatSession.ts"
import * as PeerErrors from "./PeerErrors.ts"
import type { PeerReport } from "./PeerReport.ts"
import type { PeerSocket } from "../PeerTransport.ts"
import { PeerTransport } from "../PeerTransport.ts"
import type { Meeting } from "./Meeting.ts"
import type { Life, Online, PeerWay } from "./PeerWay.ts"
import { type Agreement, type Link, RendezvousClient } from "../link/RendezvousClient.ts"
import { stayOnline } from "./StayOnline.ts"

/** How long CONNECT is sent to somebody the server named. */
const patience = "30 seconds"
/** How long CONNECT is sent to an address given by hand: the other side may still be typing it. */
const directPatience = "2 minutes"

interface Speaker {
  readonly name: Username.Username
  readonly dialect: Dialect
  readonly localAddress?: string | undefined
  /** Whose key is known: nobody of that name is talked to where nothing proves who it is. Nobody's, without it. */
  readonly isContact?: ((name: string) => boolean) | undefined
}

export const throughServer = Effect.fnUntraced(function* (options: Speaker & { readonly server: Endpoint.HostPort }) {
  const { name, dialect, isContact = () => false } = options
  const rendezvous = yield* RendezvousClient
  const sessions = yield* ChatSession

  /** Where the server says no name, the other side does, and may say any. */
  const open = ({ peer, remote, socket }: Agreement, report: PeerReport): Meeting["open"] =>
    Effect.map(sessions.open({ socket, remote, dialect, self: name, peer, patience }), (chat) => {
      const refuse = (said: string) =>
        report.problem(PeerErrors.plaintextContact(said)).pipe(
          Effect.andThen(chat.close),
          Effect.andThen(chat.ended),
          Effect.flatMap((ending) => Effect.fail(new ChatEnded({ ending }))),
        )
      return {
        ...chat,
        opened: Effect.flatMap(chat.opened, (said) => (isContact(said) ? refuse(said) : Effect.succeed(said))),
      }
    })

  const meeting =
    (report: PeerReport) =>
    (agreement: Agreement): Meeting => ({
      peer: agreement.peer,
      remote: agreement.remote,
      person: undefined,
      open: open(agreement, report),
    })

  const online = (link: Link, report: PeerReport): Omit<Online, "incoming"> => ({
    list: link.users.pipe(
      Effect.map((users) => ({ event: "users" as const, users })),
      Effect.mapError(PeerErrors.fromLink),
    ),
    call: (typed) => {
      if (!Username.isUsername(typed)) return Effect.fail(Problem.fromCode("Name_invalid"))
      if (typed === name) return Effect.fail(Problem.fromCode("Self_call"))
      if (isContact(typed)) return Effect.fail(PeerErrors.plaintextContact(typed))
      const answer = Effect.map(Effect.mapError(link.call(typed), PeerErrors.fromLink), meeting(report))
      return Effect.succeed({ peer: typed, trust: undefined, answer })
    },
    lost: Effect.as(link.lost, Option.none()),
  })

  return {
    isDirect: false,
    offline: PeerErrors.notOnlineYet,
    keyed: undefined,
    live: ({ report, chats, beOnline }) => {
      /** Whoever comes under a contact's name is not let in. */
      const incoming = (link: Link): Online["incoming"] =>
        Effect.flatMap(link.incoming, (agreement) => {
          const caller = Option.getOrUndefined(agreement.peer)
          if (caller === undefined || !isContact(caller)) return Effect.succeed(Option.some(meeting(report)(agreement)))
          return Effect.as(report.problem(PeerErrors.plaintextContact(caller)), Option.none())
        })
      const available = (): boolean => chats.current() === undefined
      const connect = rendezvous.connect({ ...options, available }).pipe(
        Effect.mapError(PeerErrors.fromLink),
        Effect.map((link) => ({ ...online(link, report), incoming: incoming(link) })),
      )
      return stayOnline(name, connect, report, beOnline)
    },
  } satisfies PeerWay
})

export const direct = Effect.fnUntraced(function* (
  options: Speaker & { readonly remote: Endpoint.HostPort; readonly localPort: Endpoint.Port },
) {
  const { name, dialect, localAddress, remote: target, localPort } = options
  const transport = yield* PeerTransport
  const sessions = yield* ChatSession
  const peer = Endpoint.formatHostPort(target.host, target.port)

  /** One chat with an address given by hand; the program ends with it, and with its exit code. */
  const live = Effect.fnUntraced(function* ({ report, chats, ready }: Life) {
    // What is typed from now on is for them.
    const mine = chats.begin(peer)
    const meeting = (remote: Endpoint.Endpoint, socket: PeerSocket): Meeting => ({
      peer: Option.none(),
      remote,
      person: undefined,
      open: sessions.open({ socket, remote, dialect, self: name, peer: Option.none(), patience: directPatience }),
    })
    const ending = yield* Effect.gen(function* () {
      const remote = { address: yield* transport.resolve(target.host), port: target.port }
      const socket = yield* transport.bind({ port: localPort, address: localAddress })
      yield* ready
      yield* report.show({ event: "listening", host: socket.local.address, port: socket.local.port })
      yield* report.show({ event: "calling", peer })
      return yield* chats.converse(mine, meeting(remote, socket))
    }).pipe(Effect.scoped, Effect.ensuring(chats.dismiss(mine)), Effect.mapError(PeerErrors.fromDirect))
    return PeerErrors.exitCodeOf(ending)
  })

  return { isDirect: true, offline: PeerErrors.noServer, keyed: undefined, live } satisfies PeerWay
})
