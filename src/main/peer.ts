/**
 * `nomitm peer NAME`: one person's peer, through a server or directly, with keys or in plaintext.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as JsonScreen from "../adapters/node/JsonScreen.ts"
import * as PlainScreen from "../adapters/node/PlainScreen.ts"
import * as TerminalScreen from "../adapters/node/TerminalScreen.ts"
import { CommandFailed } from "./CommandFailed.ts"
import * as Flags from "./flags.ts"
import * as PeerPlan from "./peerPlan.ts"
import * as PlainPeer from "./plainPeer.ts"
import * as Profile from "./profile.ts"
import * as SealedPeer from "./sealedPeer.ts"

const flags = {
  name: Argument.String("name").pipe(
    Argument.withMetavar("NAME"),
    Argument.withDescription("Your name: 1 to 32 visible characters without blanks"),
  ),
  server: Flags.server("The rendezvous server"),
  join: Flag.String("join").pipe(
    Flag.withMetavar("LINK"),
    Flag.withDescription("Use an invitation: go to its server, and call whoever made it"),
    Flag.optional,
  ),
  direct: Flag.String("direct").pipe(
    Flag.withMetavar("HOST:PORT[#ID]"),
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
  accept: Flag.Literals("accept", ["ask", "contacts", "invited", "anyone"]).pipe(
    Flag.withDescription(
      "Whose calls to take: ask (default at a terminal), or unasked those of contacts (default elsewhere), invited or anyone",
    ),
    Flag.optional,
  ),
  unlisted: Flag.Boolean("unlisted").pipe(
    Flag.withDescription("Stay out of /list; who knows your name or id can still call"),
    Flag.withDefault(false),
  ),
  relay: Flag.Literals("relay", ["auto", "never", "always"]).pipe(
    Flag.withDescription(
      "Whether the server may carry a chat, sealed: auto (default), until a direct path is found; never; or always, so that nobody learns your address from you",
    ),
    Flag.optional,
  ),
  plaintext: Flags.plaintext,
  dialect: Flags.dialect,
  ...Profile.flags,
}

export const peer = Command.make(
  "peer",
  flags,
  Effect.fnUntraced(function* ({ home, json, ...given }) {
    const isTerminal = process.stdin.isTTY && process.stdout.isTTY && process.env["TERM"] !== "dumb"
    const isInteractive = isTerminal && !json
    const plan = yield* Effect.mapError(PeerPlan.make(given, isInteractive), (why) => Flags.mistake("peer", why))
    const screen = json ? JsonScreen.layer : isTerminal ? TerminalScreen.layer : PlainScreen.layer
    const localAddress = Option.getOrUndefined(given.bind)
    const running =
      plan._tag === "Plain"
        ? PlainPeer.run({ ...plan, localAddress }, { home, json }, screen, isInteractive)
        : SealedPeer.run({ ...plan, localAddress }, { home, json }, screen, isInteractive)
    return yield* Effect.catchTag(running, "PeerFailed", ({ exitCode }) => Effect.fail(new CommandFailed({ exitCode })))
  }),
).pipe(
  Command.withDescription("Go online under a name, see who else is, and talk to one of them"),
  Command.withExamples([
    {
      command: "nomitm peer alice --server nomitm://chat.example.org#PIN",
      description: "Register as alice; type /list, /chat NAME",
    },
    { command: "nomitm peer alice --direct 192.0.2.7:55000", description: "Talk to somebody whose address you know" },
    {
      command: "nomitm peer alice --server chat.example.org --json",
      description: "For a script: events out, commands in",
    },
  ]),
)
