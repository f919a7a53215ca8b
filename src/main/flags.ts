/**
 * Flags that `nomitm server` and `nomitm peer` share, and what they accept.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import { Dialect } from "../domain/Dialect.ts"
import * as Endpoint from "../domain/Endpoint.ts"
import * as ServerAddress from "../domain/ServerAddress.ts"

export const plaintext = Flag.Boolean("plaintext").pipe(
  Flag.withDescription("Speak the older plaintext protocol: nothing is proven or hidden"),
  Flag.withDefault(false),
)

export const dialect = Flag.Literals("dialect", Dialect.literals).pipe(
  Flag.withDescription(
    "With --plaintext: readme, as the protocol description says (the default), or original, as the older program speaks",
  ),
  Flag.optional,
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

/** The server that a command is about; `chosenServer` reads it. */
export const server = (description: string) =>
  Flag.String("server").pipe(
    Flag.withMetavar("ADDRESS"),
    Flag.withDescription(`${description}: HOST[:PORT] or nomitm://HOST:PORT#PIN (or NOMITM_SERVER)`),
    Flag.optional,
  )

/** A mistake in the use of a command that no flag sees by itself. */
export const mistake = (command: string, mistake: string | CliError.ValidationError): CliError.ShowHelp =>
  new CliError.ShowHelp({
    commandPath: ["nomitm", command],
    errors: [typeof mistake === "string" ? new CliError.ValidationError({ message: mistake }) : mistake],
  })

/** Why a text is no address of a server, in words. */
export const notAServer = (text: string, failure: ServerAddress.Failure): string => {
  switch (failure) {
    case "Invitation":
      return `${text.slice(0, 80)}: that is an invitation. Use it with --join LINK.`
    case "BadPin":
      return `${text.slice(0, 200)}: its pin is not whole. Copy the address from nomitm:// to its end.`
    case "NotAnAddress":
      return `${text.slice(0, 200)}: not HOST, HOST:PORT or nomitm://HOST:PORT#PIN.`
  }
}

/** The address that was given, or that of the environment; none if neither is there. */
export const chosenServer = Effect.fnUntraced(function* (flag: Option.Option<string>) {
  const ofEnvironment = yield* Effect.orElseSucceed(Config.String("NOMITM_SERVER"), () => "")
  const text = Option.getOrElse(flag, () => ofEnvironment)
  if (text === "") return Option.none<ServerAddress.ServerAddress>()
  const parsed = ServerAddress.parse(text)
  if (Result.isSuccess(parsed)) return Option.some(parsed.success)
  const source = Option.isSome(flag) ? "--server" : "NOMITM_SERVER"
  return yield* new CliError.ValidationError({ message: `${source} ${notAServer(text, parsed.failure)}` })
})
