/**
 * The way of `nomitm/1` through a server: names with keys, calls whose other end is proven, chats of sealed records.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Invitation from "../../domain/call/Invitation.ts"
import * as Endpoint from "../../domain/Endpoint.ts"
import * as Who from "../../domain/nomitm1/Who.ts"
import type { PersonName } from "../../domain/PersonName.ts"
import * as Problem from "../../domain/Problem.ts"
import type { ServerAddress } from "../../domain/ServerAddress.ts"
import * as Acquaintances from "./Acquaintances.ts"
import { Cryptography } from "../Cryptography.ts"
import { KnownServers } from "../KnownServers.ts"
import * as PeerErrors from "./PeerErrors.ts"
import type { PeerReport } from "./PeerReport.ts"
import type { Call } from "./Meeting.ts"
import type { Online, PeerWay } from "./PeerWay.ts"
import { Profile } from "../profile/Profile.ts"
import * as ProvenPerson from "./ProvenPerson.ts"
import * as Rings from "./Rings.ts"
import * as ChatWay from "../chat/ChatWay.ts"
import * as RunningChats from "./RunningChats.ts"
import { SealedChat } from "../chat/SealedChat.ts"
import type { SealedAgreement, SealedLink, TurnedAway } from "../link/SealedLink.ts"
import type { LinkLost } from "../link/RendezvousClient.ts"
import { SealedRendezvous } from "../link/SealedRendezvous.ts"
import * as ServerTrustCheck from "../link/ServerTrustCheck.ts"
import { stayOnline } from "./StayOnline.ts"

/** How long to wait for the first record of somebody who has agreed. */
const patience = "30 seconds"
/** Of how many strangers it is remembered that they were turned away, so that each is told of once. */
const maxTurnedAway = 64

export interface Options {
  readonly name: PersonName
  readonly server: ServerAddress
  readonly unlisted: boolean
  readonly policy: Acquaintances.Policy
  readonly localAddress?: string | undefined
  /** Whether the relay at the server may carry a chat. */
  readonly relay: ChatWay.RelayPolicy
  /** Used when the name is there for the first time. */
  readonly join?: Invitation.Invitation | undefined
}

export const throughServer = Effect.fnUntraced(function* (options: Options, report: PeerReport) {
  const { name, server, policy, relay, localAddress } = options
  const serverName = Endpoint.formatHostPort(server.host, server.port)
  const rendezvous = yield* SealedRendezvous
  const sessions = yield* SealedChat
  const profile = yield* Profile
  const cryptography = yield* Cryptography
  const knownServers = yield* KnownServers
  const acquaintances = yield* Acquaintances.make(serverName, report)
  let link: SealedLink | undefined
  let busyWith = (): string | undefined => undefined
  /** A chat may go on by a direct path after the link that it was agreed on: what is doubted is the one there is. */
  const doubt: SealedLink["doubt"] = (left) => Effect.suspend(() => link?.doubt(left) ?? Effect.void)
  /** How a chat goes on that was agreed on there. */
  const wayOf = (online: SealedLink, agreement: SealedAgreement): ChatWay.Way =>
    ChatWay.throughServer({ ...online, doubt }, agreement, { relay, localAddress })
  const running = RunningChats.make(() => link, wayOf)
  const rings = Rings.make({ acquaintances, report, isDirect: false, busyWith: () => busyWith() })
  const told = new Set<string>()

  /**
   * Both have said yes: what the handshake and the server have shown is kept.
   *
   * @param dialled by which name the server found them. What they call themselves may be anybody's name
   */
  const agreed = Effect.fnUntraced(function* (online: SealedLink, agreement: SealedAgreement, dialled?: PersonName) {
    const { keys: proven, invited } = agreement
    const { id, name: claimed } = proven.peer
    // At once: a path is there by the time that what is known of them has been looked up and written down.
    const chat = yield* sessions.open({ keys: proven, patience, way: wayOf(online, agreement) })
    // The other side may go on with it before we have come to it: it is not to hear that there is none.
    yield* running.keep(proven.callId, id, chat)
    const isVouchedFor = dialled !== undefined || (yield* online.isNameOf(claimed, id))
    const keys = { ...proven, peer: { ...proven.peer, name: dialled ?? claimed } }
    if (invited) yield* acquaintances.learn(keys.peer, "Invited", isVouchedFor)
    // Of a contact the newest certificate is kept, whatever it calls itself now.
    else if (isVouchedFor || acquaintances.trust(id) !== "unknown")
      yield* acquaintances.learn(keys.peer, "Accepted", isVouchedFor)
    return ProvenPerson.meeting({
      acquaintances,
      report,
      cryptography,
      self: profile.id,
      label: acquaintances.label(id, keys.peer.name, isVouchedFor),
      keys,
      isVouchedFor,
      open: Effect.succeed(chat),
    })
  })

  const dial = (online: SealedLink, target: Acquaintances.Target, invitation?: Invitation.Invitation): Call => ({
    peer: target.label,
    trust: target.trust,
    answer: online.call({ who: target.who, expected: target.expected, invitation }).pipe(
      Effect.mapError(PeerErrors.fromSealed(target.label)),
      Effect.mapError((problem) => (invitation === undefined ? problem : PeerErrors.invitationDeclined(problem))),
      Effect.flatMap((agreement) =>
        agreed(online, agreement, target.who._tag === "Name" ? target.who.name : undefined),
      ),
    ),
  })

  const call = (online: SealedLink, typed: string): Effect.Effect<Call, Problem.Problem> =>
    Effect.suspend(() => {
      const target = acquaintances.target(typed)
      if (target === undefined) return Effect.fail(Problem.fromCode("Name_invalid"))
      const isSelf = target.who._tag === "Name" ? target.who.name === name : target.who.id === profile.id
      return isSelf ? Effect.fail(Problem.fromCode("Self_call")) : Effect.succeed(dial(online, target))
    })

  const useInvitation = (online: SealedLink, invitation: Invitation.Invitation): Call => {
    const { id } = invitation
    const label = acquaintances.label(id, "", false)
    return dial(online, { who: Who.byId(id), expected: id, label, trust: acquaintances.trust(id) }, invitation)
  }

  const join = (text: string): Effect.Effect<Call, Problem.Problem> =>
    Effect.suspend(() => {
      if (link === undefined) return Effect.fail(PeerErrors.offline)
      const invitation = Invitation.parse(text)
      if (Result.isFailure(invitation)) return Effect.fail(PeerErrors.notALink)
      const { host, port, id } = invitation.success
      if (host !== server.host || port !== server.port) {
        return Effect.fail(PeerErrors.otherServer(Endpoint.formatHostPort(host, port)))
      }
      if (id === profile.id) return Effect.fail(Problem.fromCode("Self_call"))
      return Effect.succeed(useInvitation(link, invitation.success))
    })

  const list = (online: SealedLink): Online["list"] =>
    online.users.pipe(
      Effect.mapError(PeerErrors.fromLink),
      Effect.map((users) => {
        const people = users.map(({ name, id }) => ({
          // A server can put any name beside an id: who is known is called by what proves to be theirs.
          name: acquaintances.label(id, name, true),
          fingerprint: acquaintances.fingerprint(id),
          trust: acquaintances.trust(id),
        }))
        return { event: "users" as const, users: people.map(({ name }) => name), people }
      }),
    )

  /** The next chat that begins; those that go on do so. */
  const nextOf = (current: SealedLink): Effect.Effect<SealedAgreement, LinkLost, Scope.Scope> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        for (;;) {
          const own = yield* Scope.make()
          const agreement = yield* restore(Scope.provide(current.incoming, own)).pipe(
            Effect.onError(() => Scope.close(own, Exit.void)),
          )
          if (agreement.resumes === undefined) {
            yield* Effect.addFinalizer(() => Scope.close(own, Exit.void))
            return agreement
          }
          yield* running.resume(current, agreement, own)
        }
      }),
    )

  const online = (current: SealedLink): Online => ({
    list: list(current),
    call: (typed) => call(current, typed),
    incoming: Effect.flatMap(nextOf(current), (agreement) => Effect.asSome(agreed(current, agreement))),
    lost: Effect.map(current.lost, (error) =>
      error.reason === "Replaced" ? Option.some(PeerErrors.fromLink(error)) : Option.none(),
    ),
  })

  /** Somebody was turned away: a person hears of what may be an attack, once for each key and reason. */
  const onTurnedAway =
    (fork: (effect: Effect.Effect<void>) => void) =>
    (who: TurnedAway): void => {
      const key = `${who.code} ${who.id}`
      if (who.code === "Not_admitted" || told.has(key) || told.size >= maxTurnedAway) return
      told.add(key)
      fork(report.show(Problem.toEvent(PeerErrors.fromTurnedAway(who))))
    }

  const live: PeerWay["live"] = ({ chats, fork, beOnline }) =>
    Effect.gen(function* () {
      busyWith = () => {
        const current = chats.current()
        return current === undefined ? undefined : current.peer
      }
      const isFree = (): boolean => chats.current() === undefined
      const connect = Effect.gen(function* () {
        const identity = yield* Effect.mapError(profile.identity, ({ problem }) => problem)
        const current = yield* rendezvous
          .connect({
            ...options,
            identity,
            knowledge: acquaintances.knowledge(policy, isFree, () => isFree() || chats.isOutOfReach()),
            useUpInvitation: acquaintances.useUpInvitation,
            resumable: running.isResumable,
            relayOnly: relay === "always",
            onTurnedAway: onTurnedAway(fork),
            trust: (secured) =>
              Effect.provideService(ServerTrustCheck.check(server, secured), KnownServers, knownServers),
          })
          .pipe(Effect.mapError((error) => ("exitCode" in error ? error : PeerErrors.fromLink(error))))
        yield* Effect.mapError(profile.used(name, serverName), ({ problem }) => problem)
        link = current
        // Asked before it is needed: the first search shall not wait for it.
        yield* Effect.forkScoped(Effect.ignore(current.reflex))
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            if (link === current) link = undefined
          }),
        )
        yield* current.ringing.pipe(
          Effect.map((ringing) => fork(rings.show(ringing))),
          Effect.forever,
          Effect.ignore,
          Effect.forkScoped,
        )
        return online(current)
      })
      let invitation = options.join
      /** An invitation that was given at the start is used at once: what is typed from now on is for its giver. */
      const beginOnline: typeof beOnline = (online) =>
        Effect.suspend(() => {
          if (link !== undefined && invitation !== undefined) fork(chats.call(useInvitation(link, invitation)))
          invitation = undefined
          return beOnline(online)
        })
      return yield* stayOnline(name, connect, report, beginOnline)
    })

  return {
    live,
    isDirect: false,
    offline: PeerErrors.notOnlineYet,
    keyed: { accept: rings.accept, decline: rings.decline, join },
  } satisfies PeerWay
})
