/**
 * `nomitm server`: the rendezvous server on this machine's sockets.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as NodeRendezvousTransport from "../adapters/node/NodeRendezvousTransport.ts"
import { formatHostPort } from "../domain/Endpoint.ts"
import { json } from "../domain/PrintableText.ts"
import { exitCodes, type Problem } from "../domain/Problem.ts"
import { PortAllocator } from "../services/PortAllocator.ts"
import type { ListenError } from "../services/RendezvousTransport.ts"
import { RendezvousServer } from "../services/RendezvousServer.ts"
import * as ServerLimits from "../services/ServerLimits.ts"
import { ServerObserver } from "../services/ServerObserver.ts"
import { failWith } from "./CommandFailed.ts"
import * as Flags from "./flags.ts"

const limit = (name: string, what: string, standard: number) =>
  Flags.number(name).pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(`${what} (default ${standard})`),
    Flag.filter(
      (n) => n >= 1,
      () => "a number of at least 1",
    ),
    Flag.withDefault(standard),
  )

const flags = {
  bind: Flags.address("bind").pipe(
    Flag.withDescription("The local address to listen at (default 0.0.0.0; :: for IPv6 and IPv4)"),
    Flag.withDefault("0.0.0.0"),
  ),
  port: Flags.port("port").pipe(
    Flag.withDescription(`The TCP port (default ${Flags.defaultPort}; 0 lets the system choose)`),
    Flag.withDefault(Flags.defaultPort),
  ),
  plaintext: Flags.plaintext,
  dialect: Flags.dialect,
  maxConnections: limit("max-connections", "Connections in all", ServerLimits.defaults.connections),
  maxPerAddress: limit("max-per-address", "Connections from one address", ServerLimits.defaults.connectionsPerAddress),
  json: Flags.json,
}

/** How much of what is reported may wait for its reader, in bytes. */
const maxUnreadBytes = 1024 * 1024

export const server = Command.make(
  "server",
  flags,
  Effect.fnUntraced(function* ({ bind, port, dialect, maxConnections, maxPerAddress, json: asJson }) {
    const say = yield* Console.Console
    const runLog = Effect.runForkWith(yield* Effect.context())
    const observe = Layer.succeed(ServerObserver, (event) => {
      if (asJson) {
        // Nobody waits for whoever reads this: when that is far behind, events are left out rather than kept.
        if (process.stdout.writableLength < maxUnreadBytes) say.log(json(event))
      } else if (event.event === "listening") {
        say.log(
          `Listening at ${formatHostPort(event.host, event.port)} in plaintext, ${dialect} dialect. Ctrl-C stops.`,
        )
      } else runLog(Effect.logDebug(event.event, event))
    })
    const limits = Layer.succeed(ServerLimits.ServerLimits, {
      ...ServerLimits.defaults,
      connections: maxConnections,
      connectionsPerAddress: maxPerAddress,
    })
    return yield* RendezvousServer.layer({ address: bind, port, dialect }).pipe(
      Layer.provide([NodeRendezvousTransport.layer, PortAllocator.layer(), observe, limits]),
      Layer.launch,
      Effect.catchTag("ListenError", (error) => failWith(cantListen(error), asJson)),
    )
  }),
).pipe(
  Command.withDescription("Run a rendezvous server: it keeps the list of who is online and brings people together"),
  Command.withExamples([
    { command: "nomitm server", description: `Listen on all IPv4 addresses, TCP port ${Flags.defaultPort}` },
    { command: "nomitm server --dialect original", description: "Serve the clients of the older program" },
    {
      command: "nomitm server --bind 127.0.0.1 --port 0 --json",
      description: "For a script: the first line names the port",
    },
  ]),
)

const cantListen = ({ reason, address, port }: ListenError): Problem => {
  const problem = (code: string, message: string, hint: string): Problem => ({
    code,
    message,
    hint,
    exitCode: exitCodes.failure,
  })
  switch (reason) {
    case "InUse":
      return problem(
        "Port_in_use",
        `TCP port ${port} is in use at ${address}.`,
        "Stop the other program, or choose another with --port.",
      )
    case "NoSuchAddress":
      return problem("No_such_address", `${address} is no address of this machine.`, "Give one with --bind.")
    case "NotPermitted":
      return problem(
        "Not_permitted",
        `You may not listen on TCP port ${port}.`,
        "Choose a port above 1023 with --port.",
      )
    case "BadIdentity":
      return problem(
        "Identity_invalid",
        "The server's key and certificate can't be used for TLS.",
        "Give others with --tls-cert and --tls-key.",
      )
    case "Unknown":
      return problem(
        "Listen_failed",
        `${formatHostPort(address, port)} can't be listened at.`,
        "Choose another with --port.",
      )
  }
}
