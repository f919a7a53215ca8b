/**
 * Finds out what the network here is like, as `nomitm netcheck` tells it: asks a server that is trusted where it sees
 * this machine, without a name and without keys, and the router for a port.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { type HostPort, isIpv6 } from "../../domain/Endpoint.ts"
import * as LineSplitter from "../../domain/LineSplitter.ts"
import type { NetFindings } from "../../domain/net/NetFindings.ts"
import * as ClientLine from "../../domain/nomitm1/ClientLine.ts"
import * as ServerLine from "../../domain/nomitm1/ServerLine.ts"
import * as ServerLink from "../../domain/nomitm1/ServerLink.ts"
import * as AddressScope from "../../domain/reach/AddressScope.ts"
import * as NatMapping from "../../domain/reach/NatMapping.ts"
import { Cryptography } from "../Cryptography.ts"
import { PortMapper } from "../PortMapper.ts"
import { addressesOf, type BindError, PeerTransport } from "../PeerTransport.ts"
import * as ReflexiveAnswers from "../chat/ReflexiveAnswers.ts"
import { LinkLost, Refused } from "../link/RendezvousClient.ts"
import { ConnectError, type Connection, RendezvousTransport, type Secured } from "../RendezvousTransport.ts"
import type { Reflex } from "../link/SealedLink.ts"
import { reflexAt } from "../link/ReflexQuestion.ts"

export interface Options<E> {
  readonly server: HostPort
  /** The local address for TCP and UDP; any without it. */
  readonly localAddress?: string | undefined
  /** Called once the TLS session is there, before anything is sent; what it fails with ends the attempt. */
  readonly trust: (secured: Secured) => Effect.Effect<void, E>
}

type Needs = RendezvousTransport | PeerTransport | PortMapper | Cryptography

export class NetCheck extends Context.Service<
  NetCheck,
  {
    /** Takes a few seconds at most where nothing answers. */
    readonly run: <E>(
      options: Options<E>,
    ) => Effect.Effect<NetFindings, ConnectError | LinkLost | Refused | BindError | E>
  }
>()("nomitm/services/peer/NetCheck") {
  static readonly layer: Layer.Layer<NetCheck, never, Needs> = Layer.effect(
    NetCheck,
    Effect.gen(function* () {
      const rendezvous = yield* RendezvousTransport
      const peers = yield* PeerTransport
      const mapper = yield* PortMapper
      const cryptography = yield* Cryptography

      /** Where a socket is seen by the server's lookup ports; where another one is, by the first of them. */
      const look = Effect.fnUntraced(function* (reflex: Reflex | undefined, address: string | undefined) {
        const socket = yield* peers.bind({ port: 0, address })
        const other = yield* peers.bind({ port: 0, address })
        const local = { addresses: yield* addressesOf(peers, socket), port: socket.local.port }
        if (reflex === undefined) return { asked: 0, samples: [], local, keepsPorts: false, rttMillis: undefined }
        // An address of the other family says nothing about this one.
        const all = reflex.targets.flatMap(({ address }, target) =>
          isIpv6(address) === isIpv6(reflex.targets[0]!.address) ? [target] : [],
        )
        const [{ samples, rttMillis }, ofOther] = yield* Effect.all(
          [
            ReflexiveAnswers.ask(cryptography, socket, reflex, all),
            ReflexiveAnswers.ask(cryptography, other, reflex, [0]),
          ],
          { concurrency: 2 },
        )
        const keepsPorts =
          samples.every(({ mapped }) => mapped.port === socket.local.port) &&
          ofOther.samples.every(({ mapped }) => mapped.port === other.local.port)
        return { asked: all.length, samples, local, keepsPorts, rttMillis }
      })

      return NetCheck.of({
        run: Effect.fn("NetCheck.run")(function* ({ server, localAddress, trust }) {
          const connection = yield* rendezvous.connect({ ...server, security: "Tls", localAddress })
          const { secured, remote } = connection
          if (secured === undefined) return yield* new ConnectError({ reason: "NotTls", ...server })
          yield* Effect.tapError(trust(secured), () => Effect.sync(connection.abort))
          const reflex = yield* askReflex(connection)
          const looked = yield* look(reflex, localAddress)
          const { _tag } = NatMapping.classify(looked.samples, looked.local)
          // No router stands between us and this machine, nor where nothing is translated.
          const portMapping =
            _tag === "None" || AddressScope.of(remote.address) === "loopback"
              ? Option.none()
              : yield* Effect.option(mapper.map(looked.local.port))
          connection.send(`${ClientLine.encode({ _tag: "Close" })}\n`)
          return { ...looked, seen: reflex?.seen, portMapping: Option.getOrUndefined(portMapping) }
        }, Effect.scoped),
      })
    }),
  )
}

/** A server says so many lines at most that are none of our business before its answer. */
const maxStrayLines = 16

/** HELLO and REFLEX on a connection that has no name; none if the server serves no lookups, or knows of none. */
const askReflex = (connection: Connection): Effect.Effect<Reflex | undefined, LinkLost | Refused> =>
  Effect.gen(function* () {
    const send = (line: ClientLine.ClientLine) => Effect.sync(() => connection.send(`${ClientLine.encode(line)}\n`))
    const next = lines(connection)
    yield* send({ _tag: "Hello" })
    let isGreeted = false
    for (let stray = 0; stray < maxStrayLines; stray++) {
      const line = yield* next
      if (line._tag === "TooLong") continue
      const message = Result.getOrUndefined(ServerLine.decode(line.text))
      switch (message?._tag) {
        case "Hello":
          if (!isGreeted) yield* send({ _tag: "Reflex" })
          isGreeted = true
          break
        case "Reflex":
          return reflexAt(connection.remote.address, message)
        case "Error":
          // It has none, or is older than the line.
          if (isGreeted && ["Unavailable", "Operation_unknown"].includes(message.code)) return undefined
          return yield* new Refused({ code: message.code })
        default:
      }
    }
    return yield* new LinkLost({ reason: "NotAServer" })
  }).pipe(
    Effect.timeoutOrElse({
      duration: ServerLink.answerMillis,
      orElse: () => Effect.fail(new LinkLost({ reason: "Silent" })),
    }),
  )

/** Waits for the next line. */
const lines = (connection: Connection): Effect.Effect<LineSplitter.Line, LinkLost> => {
  const waiting: Array<LineSplitter.Line> = []
  let splitter = LineSplitter.initial
  return Effect.gen(function* () {
    for (let line = waiting.shift(); ; line = waiting.shift()) {
      if (line !== undefined) return line
      const chunk = yield* Effect.mapError(connection.receive, () => new LinkLost({ reason: "Closed" }))
      const [state, complete] = LineSplitter.push(splitter, chunk)
      splitter = state
      waiting.push(...complete)
    }
  })
}
