/**
 * `nomitm server`: the rendezvous server on this machine's sockets, over TLS, and in plaintext too if that is wanted.
 */
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { hostname } from "node:os"
import * as Hangups from "../adapters/node/hangups.ts"
import * as NodeCryptography from "../adapters/node/NodeCryptography.ts"
import * as NodePeerTransport from "../adapters/node/NodePeerTransport.ts"
import * as NodeRendezvousTransport from "../adapters/node/NodeRendezvousTransport.ts"
import * as NodeServerIdentity from "../adapters/node/NodeServerIdentity.ts"
import * as SqliteNameStore from "../adapters/node/SqliteNameStore.ts"
import { formatHostPort, parsePort } from "../domain/Endpoint.ts"
import { json } from "../domain/PrintableText.ts"
import { make as problem, type Problem } from "../domain/Problem.ts"
import { defaultPort } from "../domain/ServerAddress.ts"
import type { ServerEvent } from "../domain/ServerEvent.ts"
import type { BindError } from "../services/PeerTransport.ts"
import { PortAllocator } from "../services/PortAllocator.ts"
import * as ReflexiveLookups from "../services/server/ReflexiveLookups.ts"
import type { ListenError } from "../services/RendezvousTransport.ts"
import { RendezvousServer } from "../services/server/RendezvousServer.ts"
import { renew, ServerIdentityStore } from "../services/ServerIdentity.ts"
import * as ServerLimits from "../services/server/ServerLimits.ts"
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

type Ports = readonly [number, number]

const udpPorts = (text: string): Option.Option<Ports> => {
  if (text === "0,0") return Option.some([0, 0])
  const words = text.split(",", 3)
  const [first, second] = words.map(parsePort)
  const isPair = words.length === 2 && words[0] !== words[1]
  return isPair && first !== undefined && second !== undefined ? Option.all([first, second]) : Option.none()
}

/** The TCP port's number, and the next one that there is. */
const udpPortsBeside = (port: number): Ports => (port === 0 ? [0, 0] : [port, port < 65535 ? port + 1 : port - 1])

/** A user may have so many seconds of the rate relayed at once. */
const relayBurstSeconds = 4
const standardRate = 256

const flags = {
  bind: Flags.address("bind").pipe(
    Flag.withDescription("The local address to listen at (default 0.0.0.0; :: for IPv6 and IPv4)"),
    Flag.withDefault("0.0.0.0"),
  ),
  port: Flags.port("port").pipe(
    Flag.withDescription(`The TCP port (default ${defaultPort}; 0 lets the system choose)`),
    Flag.withDefault(defaultPort),
  ),
  udpPorts: Flag.String("udp-ports").pipe(
    Flag.withMetavar("A,B"),
    Flag.withDescription(
      "The UDP ports where clients find out what their NATs do (default: the TCP port's number and the next)",
    ),
    Flag.filterMap(udpPorts, () => "two different port numbers, as in 6969,6970"),
    Flag.optional,
  ),
  altHost: Flags.address("alt-host").pipe(
    Flag.withDescription("With --bind: another address of this machine, with the same UDP ports; tells more of NATs"),
    Flag.optional,
  ),
  relayRate: Flags.number("relay-rate").pipe(
    Flag.withMetavar("KIB"),
    Flag.withDescription(
      `What one user may have relayed, in KiB a second (default ${standardRate}; 0: nothing is relayed)`,
    ),
    Flag.filter(
      (n) => n >= 0,
      () => "a number of at least 0",
    ),
    Flag.withDefault(standardRate),
  ),
  host: Flag.String("host").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription(
      "How clients reach this machine, for the address that is printed (default: the address of --bind; the machine's name for 0.0.0.0 and ::)",
    ),
    Flag.optional,
  ),
  data: Flag.String("data").pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription(
      "Where the server's key and the owned names are (default: nomitm/server in the XDG data directory)",
    ),
    Flag.optional,
  ),
  tlsCert: Flag.String("tls-cert").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("A certificate in PEM, with those that lead to its authority; read again at SIGHUP"),
    Flag.optional,
  ),
  tlsKey: Flag.String("tls-key").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("The certificate's private key in PEM (default: a key of the server's own)"),
    Flag.optional,
  ),
  plaintext: Flags.plaintext.pipe(
    Flag.withDescription("Serve the older plaintext protocol as well, to users apart from all others"),
  ),
  dialect: Flags.dialect,
  maxConnections: limit("max-connections", "Connections in all", ServerLimits.defaults.connections),
  maxPerAddress: limit("max-per-address", "Connections from one address", ServerLimits.defaults.connectionsPerAddress),
  json: Flags.json,
}

const mistake = (message: string) => Flags.mistake("server", message)

/** How much of what is reported may wait for its reader, in bytes. */
const maxUnreadBytes = 1024 * 1024

/** Where clients can hardly go: what is printed names the machine instead. */
const isUnspecified = (address: string): boolean => address === "0.0.0.0" || address === "::"

const listening = (event: Extract<ServerEvent, { readonly event: "listening" }>, plaintext: boolean): string => {
  const { host, port, udp, alternate, url = "" } = event
  const protocols = `over TLS${plaintext ? " and in plaintext" : ""}`
  const there = alternate === undefined ? "" : `, there and at ${alternate}`
  const lookups = udp === undefined ? "" : `Lookups at UDP ports ${udp[0]} and ${udp[1]}${there}.\n`
  return (
    `Listening at ${formatHostPort(host, port)}, ${protocols}. Ctrl-C stops.\n${lookups}` +
    `Its address, to be passed on whole:\n  ${url}`
  )
}

const relayLimits = (kibPerSecond: number): ServerLimits.Limits["relay"] => {
  if (kibPerSecond === 0) return undefined
  const perSecond = kibPerSecond * 1024
  const { total } = ServerLimits.defaultRelay
  return {
    perUser: { burst: relayBurstSeconds * perSecond, perSecond },
    total: { burst: Math.max(total.burst, perSecond), perSecond: Math.max(total.perSecond, perSecond) },
  }
}

export const server = Command.make(
  "server",
  flags,
  Effect.fnUntraced(function* (given) {
    const { bind, port, host, data, tlsCert, tlsKey, plaintext, maxConnections, maxPerAddress, json: asJson } = given
    if (Option.isSome(given.dialect) && !plaintext) return yield* mistake("--dialect goes with --plaintext.")
    if (Option.isSome(tlsCert) !== Option.isSome(tlsKey)) return yield* mistake("--tls-cert and --tls-key go together.")
    const alternate = Option.getOrUndefined(given.altHost)
    if (alternate !== undefined && isUnspecified(bind)) {
      return yield* mistake("--alt-host goes with --bind ADDRESS: the server needs one address and another.")
    }
    if (alternate === bind) return yield* mistake("--alt-host must be another address than that of --bind.")
    const fail = (problem: Problem) => failWith(problem, asJson)
    const home = NodeServerIdentity.directoryOf(Option.getOrUndefined(data))

    const say = yield* Console.Console
    const runLog = Effect.runForkWith(yield* Effect.context())
    const observe = Layer.succeed(ServerObserver, (event) => {
      if (asJson) {
        // Nobody waits for whoever reads this: when that is far behind, events are left out rather than kept.
        if (process.stdout.writableLength < maxUnreadBytes) say.log(json(event))
      } else if (event.event === "listening") say.log(listening(event, plaintext))
      else runLog(Effect.logDebug(event.event, event))
    })
    const limits = Layer.succeed(ServerLimits.ServerLimits, {
      ...ServerLimits.defaults,
      connections: maxConnections,
      connectionsPerAddress: maxPerAddress,
      relay: relayLimits(given.relayRate),
    })
    const lookups = ReflexiveLookups.layer({
      address: bind,
      ports: Option.getOrElse(given.udpPorts, () => udpPortsBeside(port)),
      alternate,
    })
    const identities =
      Option.isSome(tlsCert) && Option.isSome(tlsKey)
        ? NodeServerIdentity.layerFiles({ certificates: tlsCert.value, privateKey: tlsKey.value })
        : NodeServerIdentity.layerDirectory(home)

    const serve = Effect.gen(function* () {
      const tls = yield* (yield* ServerIdentityStore).load
      const running = yield* RendezvousServer.layerSecure({
        address: bind,
        port,
        dialect: Option.getOrElse(given.dialect, () => "readme" as const),
        tls,
        plaintext,
        publicHost: Option.getOrUndefined(host) ?? (isUnspecified(bind) ? hostname() : undefined),
      }).pipe(
        Layer.provide([lookups, NodeRendezvousTransport.layer, PortAllocator.layer(), SqliteNameStore.layer(home)]),
        Layer.provide([NodePeerTransport.layer, NodeCryptography.layer, observe, limits]),
        Layer.build,
      )
      if (Option.isSome(tlsCert)) yield* Hangups.onHangup(renew(Context.get(running, RendezvousServer)))
      return yield* Effect.never
    })
    return yield* serve.pipe(
      Effect.scoped,
      Effect.provide(identities),
      Effect.catchTags({
        ListenError: (error) => fail(cantListen(error)),
        BindError: (error) => fail(cantBind(error, alternate)),
        ServerIdentityError: ({ message, hint }) => fail(problem("Server_key", message, hint)),
        NameStoreError: ({ message, hint }) => fail(problem("Name_store", message, hint)),
      }),
    )
  }),
).pipe(
  Command.withDescription("Run a rendezvous server: it keeps the list of who is online and brings people together"),
  Command.withExamples([
    { command: "nomitm server", description: `Listen on all IPv4 addresses, TCP port ${defaultPort}` },
    {
      command: "nomitm server --plaintext --dialect original",
      description: "Serve the clients of the older program too",
    },
    {
      command: "nomitm server --bind 127.0.0.1 --port 0 --json",
      description: "For a script: the first line names port and address",
    },
  ]),
)

const cantBind = ({ reason, address, port }: BindError, alternate: string | undefined): Problem => {
  switch (reason) {
    case "InUse":
      return problem(
        "Port_in_use",
        `UDP port ${port} is in use at ${address}.`,
        "Stop the other program, or choose others with --udp-ports, or with --port for TCP and UDP.",
      )
    case "NoSuchAddress":
      return problem(
        "No_such_address",
        `${address} is no address of this machine.`,
        `Give one with ${address === alternate ? "--alt-host" : "--bind"}.`,
      )
    case "NotPermitted":
      return problem("Not_permitted", `You may not use UDP port ${port}.`, "Choose ports above 1023 with --udp-ports.")
    case "Unknown":
      return problem(
        "Listen_failed",
        `UDP ${formatHostPort(address, port)} can't be listened at.`,
        "Choose others with --udp-ports.",
      )
  }
}

const cantListen = ({ reason, address, port }: ListenError): Problem => {
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
      return problem("Server_key", "The key and certificate can't be used for TLS.", "Give others, in PEM.")
    case "Unknown":
      return problem(
        "Listen_failed",
        `${formatHostPort(address, port)} can't be listened at.`,
        "Choose another with --port.",
      )
  }
}
