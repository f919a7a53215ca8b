/**
 * `nomitm peer NAME`: one person's peer, through a server or directly.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as JsonScreen from "../adapters/node/JsonScreen.ts"
import * as NodePeerTransport from "../adapters/node/NodePeerTransport.ts"
import * as NodeRendezvousTransport from "../adapters/node/NodeRendezvousTransport.ts"
import * as PlainScreen from "../adapters/node/PlainScreen.ts"
import * as TerminalScreen from "../adapters/node/TerminalScreen.ts"
import { formatHostPort, type HostPort } from "../domain/Endpoint.ts"
import * as Username from "../domain/Username.ts"
import { ChatSession } from "../services/ChatSession.ts"
import { Peer } from "../services/Peer.ts"
import { RendezvousClient } from "../services/RendezvousClient.ts"
import { CommandFailed } from "./CommandFailed.ts"
import * as Flags from "./flags.ts"

const flags = {
  name: Argument.String("name").pipe(
    Argument.withMetavar("NAME"),
    Argument.withDescription("Your name: 1 to 32 visible characters without blanks"),
    Argument.mapEffect((name) =>
      Option.match(Username.problem(name), {
        onNone: () => Effect.succeed(name as Username.Username),
        onSome: (problem) => Effect.fail(new CliError.ValidationError({ message: problem })),
      }),
    ),
  ),
  server: Flags.hostPort("server", Flags.defaultPort).pipe(
    Flag.withDescription(`The rendezvous server (port ${Flags.defaultPort} unless given; or NOMITM_SERVER)`),
    Flag.optional,
  ),
  direct: Flags.hostPort("direct").pipe(
    Flag.withDescription("Talk to this address without a server; the other side does the same with yours"),
    Flag.optional,
  ),
  port: Flags.port("port").pipe(
    Flag.withDescription("With --direct: the local UDP port (default: the same number as the other side's)"),
    Flag.optional,
  ),
  bind: Flags.address("bind").pipe(
    Flag.withDescription("The local address for TCP and UDP (default: any)"),
    Flag.optional,
  ),
  plaintext: Flags.plaintext,
  dialect: Flags.dialect,
  json: Flags.json,
}

/** One way to the other side, not two and not none. */
const wayToTake = Effect.fnUntraced(function* (
  server: Option.Option<HostPort>,
  direct: Option.Option<HostPort>,
  port: Option.Option<number>,
) {
  const mistake = (message: string) => new CliError.ValidationError({ message })
  if (Option.isSome(direct)) {
    if (Option.isSome(server)) return yield* mistake("Give --server or --direct, not both.")
    const localPort = Option.getOrElse(port, () => direct.value.port)
    return { _tag: "Direct", remote: direct.value, localPort } as const
  }
  if (Option.isSome(port)) return yield* mistake("--port goes with --direct; through a server the port is agreed on.")
  const chosen = Option.isSome(server) ? server : yield* Flags.serverOfEnvironment
  if (Option.isNone(chosen)) return yield* mistake("Say how to reach others: --server HOST, or --direct HOST:PORT.")
  return { _tag: "Server", server: chosen.value } as const
})

export const peer = Command.make(
  "peer",
  flags,
  Effect.fnUntraced(function* ({ name, server, direct, port, bind, dialect, json }) {
    const via = yield* Effect.mapError(
      wayToTake(server, direct, port),
      (mistake) => new CliError.ShowHelp({ commandPath: ["nomitm", "peer"], errors: [mistake] }),
    )
    const isTerminal = process.stdin.isTTY && process.stdout.isTTY && process.env["TERM"] !== "dumb"
    if (isTerminal && !json && via._tag === "Server") {
      yield* Console.log(`* Connecting to ${formatHostPort(via.server.host, via.server.port)} …`)
    }
    const screen = json ? JsonScreen.layer : isTerminal ? TerminalScreen.layer : PlainScreen.layer
    return yield* Effect.flatMap(Peer, (peer) =>
      peer.run({ name, dialect, via, localAddress: Option.getOrUndefined(bind) }),
    ).pipe(
      Effect.provide(
        Peer.layer.pipe(
          Layer.provide([RendezvousClient.layer, ChatSession.layer, screen]),
          Layer.provide([NodePeerTransport.layer, NodeRendezvousTransport.layer]),
        ),
      ),
      Effect.catchTag("PeerFailed", ({ exitCode }) => Effect.fail(new CommandFailed({ exitCode }))),
    )
  }),
).pipe(
  Command.withDescription("Go online under a name, see who else is, and talk to one of them"),
  Command.withExamples([
    {
      command: "nomitm peer alice --server chat.example.org",
      description: "Register as alice; type /list, /chat NAME",
    },
    { command: "nomitm peer alice --direct 192.0.2.7:55000", description: "Talk to somebody whose address you know" },
    {
      command: "nomitm peer alice --server chat.example.org --json",
      description: "For a script: events out, commands in",
    },
  ]),
)
