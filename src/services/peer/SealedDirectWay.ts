/**
 * The way of `nomitm/1` without a server: an address typed by hand, keys with whoever is there, and a chat when both
 * people want it (PROTOCOL.md, section 15.2).
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Self } from "../../domain/call/CallHandshake.ts"
import type { ChatKeys } from "../../domain/call/ChatKeys.ts"
import type { Ending } from "../../domain/Conversation.ts"
import * as Endpoint from "../../domain/Endpoint.ts"
import type { PersonId } from "../../domain/identity/PersonId.ts"
import type { PersonName } from "../../domain/PersonName.ts"
import * as Problem from "../../domain/Problem.ts"
import * as Epoch from "../../domain/record/Epoch.ts"
import * as Frame from "../../domain/record/Frame.ts"
import * as RecordLayer from "../../domain/record/RecordLayer.ts"
import * as Acquaintances from "./Acquaintances.ts"
import { Cryptography } from "../Cryptography.ts"
import { DirectRendezvous, type Opened } from "./DirectRendezvous.ts"
import * as DirectResumption from "./DirectResumption.ts"
import * as Farewell from "../chat/Farewell.ts"
import * as PeerErrors from "./PeerErrors.ts"
import type { PeerReport } from "./PeerReport.ts"
import { PeerTransport } from "../PeerTransport.ts"
import type { Meeting } from "./Meeting.ts"
import type { Life, PeerWay } from "./PeerWay.ts"
import { Profile } from "../profile/Profile.ts"
import * as ProvenPerson from "./ProvenPerson.ts"
import * as Rings from "./Rings.ts"
import { SealedChat } from "../chat/SealedChat.ts"

/** How long to wait for keys, and then for the other person's yes: the other side may still be typing the address. */
const patience = "2 minutes"
/** How long one's own person is asked. */
const ringing = "60 seconds"

export interface Options {
  readonly name: PersonName
  readonly remote: Endpoint.HostPort
  readonly localPort: Endpoint.Port
  readonly localAddress?: string | undefined
  /** Who it must be, where the id was typed with the address; then nobody is asked. */
  readonly expected: PersonId | undefined
  readonly policy: Acquaintances.Policy
}

/** What comes of somebody whose key is proven. */
type Admission = "Accepted" | "Declined" | "NotAnswered"

export const make = Effect.fnUntraced(function* (options: Options, report: PeerReport) {
  const { name, remote: target, localPort, localAddress, expected, policy } = options
  const transport = yield* PeerTransport
  const rendezvous = yield* DirectRendezvous
  const sessions = yield* SealedChat
  const profile = yield* Profile
  const cryptography = yield* Cryptography
  const acquaintances = yield* Acquaintances.make("", report)
  const knowledge = acquaintances.knowledge(policy, () => true)
  const rings = Rings.make({ acquaintances, report, isDirect: true, busyWith: () => undefined })
  const peer = Endpoint.formatHostPort(target.host, target.port)

  const labelOf = ({ id, name }: ChatKeys["peer"]): string => acquaintances.label(id, name, false)

  /** Shows who is there, and waits for a yes. */
  const ask = Effect.fnUntraced(function* ({ id, name }: ChatKeys["peer"]) {
    const answer = Deferred.makeUnsafe<Admission>()
    const say = (admission: Admission) => Effect.asVoid(Deferred.succeed(answer, admission))
    const over = Effect.map(Deferred.await(answer), (admission) =>
      admission === "Accepted" ? Option.none() : Option.some(admission === "Declined" ? "Declined" : "No_answer"),
    )
    const ring = rings.show({
      caller: { id, name, invited: false },
      isVouchedFor: false,
      accept: say("Accepted"),
      decline: say("Declined"),
      over,
    })
    const timeout = Effect.andThen(Effect.sleep(ringing), say("NotAnswered"))
    yield* Effect.raceFirst(ring, Effect.andThen(timeout, Effect.never))
    return yield* Deferred.await(answer)
  })

  /** Whoever is expected, or known, is let in; of anybody else it is as the policy says. */
  const admit = ({ peer: who }: ChatKeys): Effect.Effect<Admission, Problem.Problem> => {
    const { id } = who
    if (expected !== undefined) {
      const change = { known: acquaintances.fingerprint(expected), shown: acquaintances.fingerprint(id) }
      return id === expected ? Effect.succeed("Accepted") : Effect.fail(somebodyElse(peer, change))
    }
    if (acquaintances.trust(id) !== "unknown") return Effect.succeed("Accepted")
    switch (knowledge.admits({ id, name: who.name, invited: false })) {
      case "Accept":
        return Effect.succeed("Accepted")
      case "Refuse":
        return Effect.fail(notAdmitted(labelOf(who)))
      case "Ring":
        return ask(who)
    }
  }

  /** Nobody is to wait who has been turned down. The keys are used for nothing else. */
  const decline = ({ keys, socket }: Opened, remote: Endpoint.Endpoint): Effect.Effect<void> => {
    const layer = RecordLayer.make(cryptography.primitives, Epoch.first(keys))
    const close = (): void => RecordLayer.sealAll(layer, [Frame.close], (datagram) => socket.send(datagram, remote))
    return Effect.andThen(Effect.sync(close), Farewell.again(close))
  }

  const live = Effect.fnUntraced(function* ({ chats, ready }: Life) {
    // What is typed from now on is for them.
    const mine = chats.begin(peer)
    let isOpen = false

    const meeting = (opened: Opened, remote: Endpoint.Endpoint, self: Self): Meeting => {
      const { keys, socket } = opened
      const { highestSerial } = knowledge
      return ProvenPerson.meeting({
        acquaintances,
        report,
        cryptography,
        self: profile.id,
        label: labelOf(keys.peer),
        keys,
        isVouchedFor: false,
        open: Effect.tap(sessions.open({ keys, patience, way: { _tag: "Address", socket, remote } }), (chat) =>
          chat.opened.pipe(
            Effect.andThen(Effect.sync(() => (isOpen = true))),
            Effect.andThen(DirectResumption.keep({ cryptography, opened, chat, remote, self, highestSerial })),
            Effect.ignore,
            Effect.forkScoped({ startImmediately: true }),
          ),
        ),
      })
    }

    const open = Effect.gen(function* () {
      const identity = yield* Effect.mapError(profile.identity, ({ problem }) => problem)
      const address = yield* Effect.mapError(transport.resolve(target.host), PeerErrors.fromDirect)
      const remote = { address, port: target.port }
      const bound = transport.bind({ port: localPort, address: localAddress })
      const socket = yield* Effect.mapError(bound, PeerErrors.fromDirect)
      yield* ready
      yield* report.show({ event: "listening", host: socket.local.address, port: socket.local.port })
      yield* report.show({ event: "calling", peer })
      const self = { identity, name }
      const { highestSerial } = knowledge
      const opened = yield* rendezvous
        .open({ socket, remote, self, highestSerial })
        .pipe(Effect.timeoutOption(patience))
      if (Option.isNone(opened)) return undefined
      const turnDown = decline(opened.value, remote)
      const admission = yield* admit(opened.value.keys).pipe(
        Effect.tapError(({ code }) => (code === "Not_admitted" ? turnDown : Effect.void)),
        Effect.onInterrupt(() => turnDown),
      )
      if (admission !== "Accepted") yield* turnDown
      // An id that was typed is as good as one that a server tells; of a contact the newest certificate is kept.
      else if (expected !== undefined || acquaintances.trust(opened.value.keys.peer.id) !== "unknown")
        yield* acquaintances.learn(opened.value.keys.peer, "Accepted", false)
      return { admission, meeting: meeting(opened.value, remote, self) }
    })

    const ended = (ending: Ending): Effect.Effect<number, Problem.Problem> =>
      ending === "closed_by_peer" && !isOpen
        ? Effect.fail(Problem.fromCode("Declined"))
        : Effect.succeed(PeerErrors.exitCodeOf(ending))

    return yield* Effect.gen(function* () {
      const outcome = yield* Effect.raceFirst(open, Deferred.await(mine.givenUp))
      if (outcome === undefined) {
        yield* report.closed({ event: "closed", peer, reason: "unreachable" })
        return Problem.exitCodes.unreachable
      }
      if (outcome.admission === "NotAnswered") return Problem.exitCodes.failure
      if (outcome.admission === "Declined") return Problem.exitCodes.ok
      return yield* Effect.flatMap(chats.converse(mine, outcome.meeting), ended)
    }).pipe(Effect.scoped, Effect.ensuring(chats.dismiss(mine)))
  })

  const noServer = Effect.fail(PeerErrors.noServer)
  return {
    isDirect: true,
    offline: PeerErrors.noServer,
    keyed: { accept: rings.accept, decline: rings.decline, join: () => noServer },
    live,
  } satisfies PeerWay
})

/** Another key than the one that was typed: the words that must not be overlooked. */
const somebodyElse = (peer: string, { known, shown }: { readonly known: string; readonly shown: string }) =>
  Problem.make(
    "Key_changed",
    `SOMEBODY ELSE ANSWERS AT ${peer}: the key is to be ${known}, and it is ${shown}.`,
    "Nothing was said. Ask for the id once more, on a way that you trust.",
    Problem.exitCodes.authentication,
  )

const notAdmitted = (label: string): Problem.Problem => ({
  ...Problem.fromCode("Not_admitted"),
  message: `${label} is there, and is not admitted by your settings.`,
  exitCode: Problem.exitCodes.authentication,
})
