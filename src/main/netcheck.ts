/**
 * `nomitm netcheck`: what the network here is like, and what that means for calling others.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as NodeCryptography from "../adapters/node/NodeCryptography.ts"
import * as NodeKnownServers from "../adapters/node/NodeKnownServers.ts"
import * as NodePeerTransport from "../adapters/node/NodePeerTransport.ts"
import * as NodePortMapper from "../adapters/node/NodePortMapper.ts"
import * as NodeRendezvousTransport from "../adapters/node/NodeRendezvousTransport.ts"
import { formatHostPort } from "../domain/Endpoint.ts"
import * as NetFindings from "../domain/net/NetFindings.ts"
import * as PeerEventText from "../domain/PeerEventText.ts"
import { json as jsonText } from "../domain/PrintableText.ts"
import { exitCodes } from "../domain/Problem.ts"
import { KnownServers } from "../services/KnownServers.ts"
import { NetCheck } from "../services/peer/NetCheck.ts"
import * as PeerErrors from "../services/peer/PeerErrors.ts"
import * as ServerTrustCheck from "../services/link/ServerTrustCheck.ts"
import { CommandFailed, failWith } from "./CommandFailed.ts"
import * as Flags from "./flags.ts"
import * as Profile from "./profile.ts"
import * as ServerQuestion from "./serverQuestion.ts"

const flags = {
  server: Flags.server("The server to ask"),
  bind: Flags.address("bind").pipe(
    Flag.withDescription("The local address for TCP and UDP (default: any)"),
    Flag.optional,
  ),
  ...Profile.flags,
}

const mistake = (why: Parameters<typeof Flags.mistake>[1]) => Flags.mistake("netcheck", why)

export const netcheck = Command.make(
  "netcheck",
  flags,
  Effect.fnUntraced(function* ({ server, bind, ...chosen }) {
    const address = yield* Effect.mapError(Flags.chosenServer(server), mistake)
    if (Option.isNone(address)) return yield* mistake("Say at which server: --server ADDRESS.")
    const { home } = yield* Profile.located(chosen)
    const isAsked = process.stdin.isTTY && process.stdout.isTTY && !chosen.json

    const findings = yield* Effect.gen(function* () {
      const { run } = yield* NetCheck
      const knownServers = yield* KnownServers
      const ask = isAsked ? ServerQuestion.ask(address.value) : undefined
      return yield* run({
        server: address.value,
        localAddress: Option.getOrUndefined(bind),
        trust: (secured) =>
          Effect.provideService(ServerTrustCheck.check(address.value, secured, ask), KnownServers, knownServers),
      })
    }).pipe(
      Effect.provide(
        NetCheck.layer.pipe(
          Layer.provideMerge(NodeKnownServers.layer(home)),
          Layer.provide([NodeCryptography.layer, NodeRendezvousTransport.layer, NodePortMapper.layer]),
          Layer.provide(NodePeerTransport.layer),
        ),
      ),
      Effect.catch((error) => {
        if ("exitCode" in error) return failWith(error, chosen.json)
        const problem = error._tag === "BindError" ? PeerErrors.fromDirect(error) : PeerErrors.fromLink(error)
        return failWith(problem, chosen.json)
      }),
    )

    const { host, port } = address.value
    const event = NetFindings.toEvent(formatHostPort(host, port), findings)
    const columns = process.stdout.isTTY ? process.stdout.columns : undefined
    yield* Console.log(chosen.json ? jsonText(event) : PeerEventText.print(event, columns).trimEnd())
    if (event.udp !== "passes") return yield* new CommandFailed({ exitCode: exitCodes.failure })
  }),
).pipe(
  Command.withDescription("Find out what your network does to calls: exit code 0 if UDP passes, else 1"),
  Command.withExamples([
    {
      command: "nomitm netcheck --server nomitm://chat.example.org#PIN",
      description: "What kind of NAT is here, and what that means",
    },
  ]),
)
