/**
 * Flags that `nomitm server` and `nomitm peer` share, and what they accept.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import { Dialect } from "../domain/Dialect.ts"
import * as Endpoint from "../domain/Endpoint.ts"

/** The TCP port of a rendezvous server. */
export const defaultPort = 6969

export const plaintext = Flag.Boolean("plaintext").pipe(
  Flag.withDescription("Speak the seed's plaintext protocol (the only one so far)"),
  Flag.withDefault(false),
)

export const dialect = Flag.Literals("dialect", Dialect.literals).pipe(
  Flag.withDescription("readme: as the protocol description says (the default); original: as the older program speaks"),
  Flag.withDefault("readme" as const),
)

export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("One JSON object a line on standard output, for scripts"),
  Flag.withDefault(false),
)

const invalid = (option: string, value: string, expected: string): CliError.CliError =>
  new CliError.InvalidValue({ option, value, expected, kind: "flag" })

/** A flag whose text is read by `parse`. */
const read =
  <A>(name: string, expected: string, parse: (text: string) => Option.Option<A>) =>
  (text: string): Effect.Effect<A, CliError.CliError> =>
    Effect.mapError(Effect.fromOption(parse(text)), () => invalid(name, text, expected))

export const address = (name: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("ADDRESS"),
    Flag.mapEffect(read(name, "an IPv4 or IPv6 address", Endpoint.canonicalAddress)),
  )

/** A whole number. */
export const number = (name: string) =>
  Flag.String(name).pipe(
    Flag.mapEffect(
      read(name, "a whole number", (text) => (/^-?\d{1,9}$/.test(text) ? Option.some(Number(text)) : Option.none())),
    ),
  )

export const port = (name: string) =>
  number(name).pipe(
    Flag.withMetavar("PORT"),
    Flag.filter(
      (port) => port >= 0 && port <= 65535,
      () => "a port number from 0 to 65535",
    ),
  )

export const hostPort = (name: string, defaultPort?: number) =>
  Flag.String(name).pipe(
    Flag.withMetavar(defaultPort === undefined ? "HOST:PORT" : "HOST[:PORT]"),
    Flag.mapEffect(
      read(name, defaultPort === undefined ? "HOST:PORT" : "HOST or HOST:PORT", (text) =>
        Endpoint.parseHostPort(text, defaultPort),
      ),
    ),
  )

/** The server named by NOMITM_SERVER, if any. */
export const serverOfEnvironment: Effect.Effect<
  Option.Option<Endpoint.HostPort>,
  CliError.ValidationError
> = Effect.gen(function* () {
  const text = yield* Effect.orElseSucceed(Config.option(Config.String("NOMITM_SERVER")), () => Option.none<string>())
  if (Option.isNone(text) || text.value === "") return Option.none()
  const server = Endpoint.parseHostPort(text.value, defaultPort)
  if (Option.isSome(server)) return server
  return yield* new CliError.ValidationError({ message: `NOMITM_SERVER ${text.value}: not HOST or HOST:PORT.` })
})
