/**
 * Runs a link to a server: reads lines, tells the pure machine `domain/nomitm1/ServerLink` of them, which decides what is
 * said when, and wakes it when something is due. `LinkCalls` has the calls, `UserQuestions` and `ReflexQuestion` what is
 * asked of the server.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as RegisterProof from "../../domain/identity/RegisterProof.ts"
import type * as LineSplitter from "../../domain/LineSplitter.ts"
import * as ClientLine from "../../domain/nomitm1/ClientLine.ts"
import * as RelayLine from "../../domain/nomitm1/RelayLine.ts"
import * as ServerLink from "../../domain/nomitm1/ServerLink.ts"
import * as Actions from "../Actions.ts"
import type { Cryptography } from "../Cryptography.ts"
import * as DueTimer from "../DueTimer.ts"
import * as LinkCalls from "./LinkCalls.ts"
import { monotonicReader } from "../monotonic.ts"
import * as LinkLines from "./LinkLines.ts"
import type * as PortKeeper from "./PortKeeper.ts"
import * as ReflexQuestion from "./ReflexQuestion.ts"
import { LinkLost, Refused } from "./RendezvousClient.ts"
import type { Connection, Secured } from "../RendezvousTransport.ts"
import type { Options, SealedLink } from "./SealedLink.ts"
import * as UserQuestions from "./UserQuestions.ts"

/** Registers on a connection whose server is trusted. The link ends with the scope; ports that were handed over stay. */
export const make = Effect.fnUntraced(function* (
  connection: Connection,
  secured: Secured,
  makePorts: Effect.Effect<PortKeeper.PortKeeper, never, Scope.Scope>,
  cryptography: Cryptography["Service"],
  options: Options,
) {
  const { identity, name, unlisted } = options
  const now = yield* monotonicReader
  const registered = Deferred.makeUnsafe<void, LinkLost | Refused>()
  const released = Deferred.makeUnsafe<void>()
  const lost = Deferred.makeUnsafe<LinkLost>()
  const reflex = ReflexQuestion.make(
    connection.remote.address,
    Effect.suspend(() => onLink({ _tag: "AskReflex", now: now() })),
  )

  let link: ServerLink.State
  const timer = DueTimer.make(() => Math.min(ServerLink.dueAt(link), calls.dueAt()), now)
  const send = (line: ClientLine.ClientLine): void => connection.send(`${ClientLine.encode(line)}\n`)

  const people = UserQuestions.make((event) => onLink(event), now)
  const calls: LinkCalls.LinkCalls = yield* LinkCalls.make(
    {
      ...people,
      connection,
      makePorts,
      send: (line) => {
        send(line)
        link = ServerLink.step(link, { _tag: "Sent", now: now() })[0]
        timer.moved()
      },
      moved: timer.moved,
      now,
    },
    cryptography,
    options,
  )

  const lose = (reason: ServerLink.LossReason): Effect.Effect<void> => {
    const error = new LinkLost({ reason })
    Deferred.doneUnsafe(lost, Effect.succeed(error))
    Deferred.doneUnsafe(registered, Effect.fail(error))
    reflex.lost(error)
    // A call whose callee nobody can be asked about any more has not ended because they are not online.
    return Effect.andThen(calls.lost(error), people.lost(error))
  }

  const perform = (action: ServerLink.Action): Effect.Effect<void> | void => {
    switch (action._tag) {
      case "Send":
        return send(action.line)
      case "Registered":
        return void Deferred.doneUnsafe(registered, Effect.void)
      case "NotRegistered":
        return void Deferred.doneUnsafe(registered, Effect.fail(new Refused({ code: action.code })))
      case "Listed":
      case "Found":
      case "NotFound":
        return people.answered(action)
      case "Reflexed":
      case "NotReflexed":
        return reflex.answered(action)
      case "RelayRefused":
        return calls.relayRefused()
      case "Released":
        Deferred.doneUnsafe(released, Effect.void)
        return
      case "OfCall":
        return calls.heard(action.line)
      case "Lost":
        return lose(action.reason)
    }
  }

  // What a machine has decided is done, whoever is interrupted meanwhile: who hears that the link is lost closes it, and
  // with it the fiber that tells the others.
  const onLink = (event: ServerLink.Event): Effect.Effect<void> =>
    Effect.suspend(() => {
      const [next, actions] = ServerLink.step(link, event)
      link = next
      timer.moved()
      return Actions.perform(actions, perform)
    }).pipe(Effect.uninterruptible)

  /** Records go straight to their call: there are too many for a fiber, or for the machines. */
  const hear = Effect.fnUntraced(function* (lines: ReadonlyArray<LineSplitter.Line>) {
    let isRelaying = false
    for (const line of lines) {
      if (line._tag === "Line" && RelayLine.isRelay(line.text)) {
        calls.relayed(line.text)
        isRelaying = true
      } else yield* onLink({ _tag: "Heard", line, now: now() })
    }
    if (isRelaying) yield* onLink({ _tag: "Relayed", now: now() })
  })

  const read = Effect.gen(function* () {
    // A line without its end was cut off.
    yield* LinkLines.read(connection, hear)
    yield* onLink({ _tag: "Closed" })
  })

  yield* Effect.addFinalizer(() => onLink({ _tag: "Closed" }))
  const signature = RegisterProof.sign(cryptography.primitives, identity, { ...secured, name })
  const { encoded: certificate } = identity.certificate
  const [greeting, first] = ServerLink.start({ _tag: "Register", name, certificate, signature, unlisted }, now())
  link = greeting
  const due = Effect.andThen(
    Effect.suspend(() => onLink({ _tag: "Due", now: now() })),
    calls.due,
  )
  yield* Effect.forkScoped(timer.run(due), { startImmediately: true })
  yield* Actions.perform(first, perform)
  yield* Effect.forkScoped(read, { startImmediately: true })
  yield* Deferred.await(registered)

  const whileThere = Effect.suspend(() =>
    Deferred.isDoneUnsafe(lost) ? Effect.flatMap(Deferred.await(lost), Effect.fail) : Effect.void,
  )

  return {
    server: connection.remote,
    users: Effect.andThen(whileThere, people.users),
    call: (target) => Effect.andThen(whileThere, calls.call(target)),
    reflex: Effect.andThen(whileThere, reflex.known),
    freshReflex: Effect.andThen(whileThere, reflex.fresh),
    ringing: calls.ringing,
    incoming: calls.incoming,
    isNameOf: (name, id) =>
      Effect.gen(function* () {
        if (Deferred.isDoneUnsafe(lost)) return false
        const answer = Deferred.makeUnsafe<boolean>()
        yield* people.whoIs(name, (found) => void Deferred.doneUnsafe(answer, Effect.succeed(found === id)))
        return yield* Deferred.await(answer)
      }),
    doubt: (left) =>
      left.includes(connection.local.address) ? Effect.sync(connection.abort) : onLink({ _tag: "Doubt", now: now() }),
    release: Effect.andThen(
      whileThere,
      Effect.andThen(
        onLink({ _tag: "Release", now: now() }),
        Effect.raceFirst(Deferred.await(released), Effect.flatMap(Deferred.await(lost), Effect.fail)),
      ),
    ),
    lost: Deferred.await(lost),
  } satisfies SealedLink
})
