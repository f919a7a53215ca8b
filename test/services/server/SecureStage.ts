/**
 * A server that speaks `nomitm/1`, and clients that say and hear bare lines over TLS, with keys of their own.
 */
import { Clock, Context, Effect, Layer } from "effect"
import * as NodeCryptography from "nomitm/adapters/node/NodeCryptography"
import * as Identity from "nomitm/domain/identity/Identity"
import * as PersonId from "nomitm/domain/identity/PersonId"
import * as RegisterProof from "nomitm/domain/identity/RegisterProof"
import * as Base64Field from "nomitm/domain/nomitm1/Base64Field"
import * as ClientLine from "nomitm/domain/nomitm1/ClientLine"
import type { PersonName } from "nomitm/domain/PersonName"
import type { ServerEvent } from "nomitm/domain/ServerEvent"
import type { Cryptography } from "nomitm/services/Cryptography"
import { NameStore } from "nomitm/services/NameStore"
import { PortAllocator } from "nomitm/services/PortAllocator"
import * as ReflexiveLookups from "nomitm/services/server/ReflexiveLookups"
import { RendezvousServer } from "nomitm/services/server/RendezvousServer"
import type { ServerIdentity } from "nomitm/services/ServerIdentity"
import * as ServerLimits from "nomitm/services/server/ServerLimits"
import { ServerObserver } from "nomitm/services/ServerObserver"
import { bytesOf, primitives } from "../../domain/crypto/primitives.ts"
import * as RawClient from "./RawClient.ts"
import { type Host, identity } from "../worlds.ts"

export { bytesOf, primitives }

/** Draws 50001, 50002, … */
export const countingPorts = Layer.sync(PortAllocator, () => {
  let last = 50_000
  return PortAllocator.of({ draw: () => Effect.sync(() => ++last) })
})

export interface ServerOptions {
  readonly plaintext?: boolean
  readonly limits?: Partial<ServerLimits.Limits>
  readonly observe?: (event: ServerEvent) => void
  readonly names?: Layer.Layer<NameStore>
  readonly cryptography?: Layer.Layer<Cryptography>
  readonly tls?: ServerIdentity
  readonly port?: number
  /** Serves lookups over UDP, at another address as well if there is one. */
  readonly lookups?: { readonly alternate?: string }
}

/** A server for as long as the scope lasts. */
export const startServer = Effect.fnUntraced(function* (address: string, host: Host, options: ServerOptions = {}) {
  const { plaintext = false, limits, observe = () => {}, names = NameStore.layerMemory, port = 0 } = options
  const { cryptography = NodeCryptography.layer, tls = identity, lookups } = options
  const udp =
    lookups === undefined
      ? Layer.empty
      : ReflexiveLookups.layer({ address, ports: [0, 0], alternate: lookups.alternate })
  const context = yield* Layer.build(
    RendezvousServer.layerSecure({ address, port, dialect: "readme", tls, plaintext }).pipe(
      Layer.provide([udp, countingPorts, names]),
      Layer.provide([
        host,
        cryptography,
        Layer.succeed(ServerLimits.ServerLimits, { ...ServerLimits.defaults, ...limits }),
        Layer.succeed(ServerObserver, observe),
      ]),
    ),
  )
  const { local, url } = Context.get(context, RendezvousServer)
  return { host: local.address, port: local.port, security: "Tls" as const, url }
})

/** The keys of somebody, always the same for the same label; the certificate is made now. */
export const person = (label: string): Effect.Effect<Identity.Identity> =>
  Effect.map(Clock.currentTimeMillis, (millis) =>
    Identity.fromSeed(primitives, bytesOf(label, 32), { now: Math.floor(millis / 1000) }),
  )

export const idHash = ({ id }: Identity.Identity): string => Base64Field.encode(PersonId.hash(primitives, id))
export const certificateOf = ({ certificate }: Identity.Identity): string => Base64Field.encode(certificate.encoded)

/** REGISTER, as somebody says it on this connection. */
export const registerLine = (
  who: Identity.Identity,
  name: string,
  secured: { readonly exporter: Uint8Array; readonly serverKey: Uint8Array } | undefined,
  unlisted = false,
): string => {
  if (secured === undefined) throw new Error("not over TLS")
  return ClientLine.encode({
    _tag: "Register",
    name: name as PersonName,
    certificate: who.certificate.encoded,
    signature: RegisterProof.sign(primitives, who, { ...secured, name }),
    unlisted,
  })
}

/** Connects and registers, as the person of this name if nobody else is given. */
export const register = Effect.fnUntraced(function* (
  server: RawClient.Server,
  name: string,
  localAddress?: string,
  options: { readonly who?: Identity.Identity; readonly unlisted?: boolean } = {},
) {
  const client = yield* RawClient.connect(server, localAddress)
  const who = options.who ?? (yield* person(name))
  yield* client.say(registerLine(who, name, client.secured, options.unlisted))
  const answer = yield* client.hear
  if (answer !== `REGISTER ${name} OK`) return yield* Effect.die(new Error(`${name} heard ${answer}`))
  return { ...client, who }
})

/** The callId of a call, as text: another number, another call. */
export const callId = (n: number): string => Base64Field.encode(bytesOf(`call ${n}`, 16))
/** Something of the right length. */
export const m1 = (n = 1): string => Base64Field.encode(bytesOf(`m1 ${n}`, 1800))
export const data = (n = 1, length = 80): string => Base64Field.encode(bytesOf(`data ${n}`, length))
