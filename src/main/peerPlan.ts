/**
 * What the flags of `nomitm peer` mean together: one way to the other side, not two and not none.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as CliError from "effect/cli/CliError"
import * as Invitation from "../domain/call/Invitation.ts"
import type { Dialect } from "../domain/Dialect.ts"
import * as Endpoint from "../domain/Endpoint.ts"
import * as PersonId from "../domain/identity/PersonId.ts"
import * as PersonName from "../domain/PersonName.ts"
import type { ServerAddress } from "../domain/ServerAddress.ts"
import * as Username from "../domain/Username.ts"
import type { Policy } from "../services/peer/Acquaintances.ts"
import type { RelayPolicy } from "../services/chat/ChatWay.ts"
import * as Flags from "./flags.ts"

export interface Given {
  readonly name: string
  readonly server: Option.Option<string>
  readonly join: Option.Option<string>
  readonly direct: Option.Option<string>
  readonly port: Option.Option<number>
  readonly bind: Option.Option<string>
  readonly accept: Option.Option<Policy>
  readonly unlisted: boolean
  readonly relay: Option.Option<RelayPolicy>
  readonly plaintext: boolean
  readonly dialect: Option.Option<Dialect>
}

interface Direct {
  readonly _tag: "Direct"
  readonly remote: Endpoint.HostPort
  readonly localPort: number
  /** Whose key it must be. */
  readonly expected: PersonId.PersonId | undefined
}

interface Server {
  readonly _tag: "Server"
  readonly server: ServerAddress
  readonly join: Invitation.Invitation | undefined
}

export type Plan =
  | {
      readonly _tag: "Plain"
      readonly name: Username.Username
      readonly dialect: Dialect
      readonly via: Direct | Server
    }
  | {
      readonly _tag: "Sealed"
      readonly name: PersonName.PersonName
      readonly policy: Policy
      readonly unlisted: boolean
      readonly relay: RelayPolicy
      readonly via: Direct | Server
    }

const mistake = (message: string) => Effect.fail(new CliError.ValidationError({ message }))

/** @param isTerminal somebody is there who can be asked */
export const make = Effect.fnUntraced(function* (given: Given, isTerminal: boolean) {
  const via = yield* way(given)
  if (given.plaintext) {
    if (Option.isSome(given.join)) return yield* mistake("An invitation proves a key: leave --plaintext out.")
    if (Option.isSome(given.accept) || given.unlisted) {
      return yield* mistake("--accept and --unlisted go with keys: leave --plaintext out.")
    }
    if (Option.isSome(given.relay)) {
      return yield* mistake("--relay goes with keys: in plaintext nothing is relayed. Leave one of both out.")
    }
    const dialect = Option.getOrElse(given.dialect, (): Dialect => "readme")
    return { _tag: "Plain", name: yield* username(given.name), dialect, via } satisfies Plan
  }
  if (Option.isSome(given.dialect)) return yield* mistake("--dialect goes with --plaintext.")
  if (Option.isSome(given.relay) && via._tag === "Direct") {
    return yield* mistake("--relay goes with a server: --direct has none that could relay.")
  }
  const relay = Option.getOrElse(given.relay, (): RelayPolicy => "auto")
  const policy = Option.getOrElse(given.accept, (): Policy => (isTerminal ? "ask" : "contacts"))
  const { unlisted } = given
  return { _tag: "Sealed", name: yield* personName(given.name), policy, unlisted, relay, via } satisfies Plan
})

const username = (name: string): Effect.Effect<Username.Username, CliError.ValidationError> => {
  const problem = Username.problem(name)
  return Option.isSome(problem) ? mistake(problem.value) : Effect.succeed(name as Username.Username)
}

/** `Zoë` typed is the name `zoë`. */
const personName = (typed: string): Effect.Effect<PersonName.PersonName, CliError.ValidationError> => {
  const name = PersonName.fold(typed)
  const problem = PersonName.problem(name)
  return Option.isSome(problem) ? mistake(problem.value) : Effect.succeed(name as PersonName.PersonName)
}

const way = Effect.fnUntraced(function* ({ server, join, direct, port, plaintext }: Given) {
  if (Option.isSome(direct)) {
    if (Option.isSome(server) || Option.isSome(join)) return yield* mistake("Give --direct, or a server, not both.")
    const { remote, expected } = yield* directAddress(direct.value, plaintext)
    return { _tag: "Direct", remote, expected, localPort: Option.getOrElse(port, () => remote.port) } satisfies Direct
  }
  if (Option.isSome(port)) return yield* mistake("--port goes with --direct; through a server the port is agreed on.")
  if (Option.isSome(join)) {
    if (Option.isSome(server)) return yield* mistake("An invitation names its server: leave --server out.")
    return yield* invitationWay(join.value)
  }
  const address = yield* Flags.chosenServer(server)
  if (Option.isNone(address)) return yield* mistake("Say how to reach others: --server HOST, or --direct HOST:PORT.")
  return { _tag: "Server", server: address.value, join: undefined } satisfies Server
})

const invitationWay = Effect.fnUntraced(function* (link: string) {
  const parsed = Invitation.parse(link)
  if (Result.isFailure(parsed)) {
    return yield* mistake(
      parsed.failure === "Newer"
        ? "--join: this invitation is of a later version. Update nomitm."
        : "--join: this is no whole invitation. Copy the link from nomitm:// to its end, in quotes.",
    )
  }
  const { host, port, serverKey } = parsed.success
  const server = { host, port, pins: serverKey === undefined ? [] : [serverKey] }
  return { _tag: "Server", server, join: parsed.success } satisfies Server
})

/** HOST:PORT, and with keys perhaps whose: HOST:PORT#ID. */
const directAddress = Effect.fnUntraced(function* (text: string, plaintext: boolean) {
  const hash = text.indexOf("#")
  const remote = Endpoint.parseHostPort(hash < 0 ? text : text.slice(0, hash))
  if (Option.isNone(remote)) return yield* mistake(`--direct ${text}: not HOST:PORT.`)
  if (hash < 0) return { remote: remote.value, expected: undefined }
  if (plaintext) return yield* mistake("--direct: an id proves nothing in plaintext. Leave one of both out.")
  const expected = PersonId.parse(text.slice(hash + 1))
  if (Option.isNone(expected)) return yield* mistake("--direct: what stands behind # is no id. See nomitm id.")
  return { remote: remote.value, expected: expected.value }
})
