/**
 * The three ways to ask a router for a UDP port: PCP, NAT-PMP and UPnP. Each finds out whether the router speaks it, and
 * maps; the same again renews, and a lifetime of 0 removes.
 *
 * Only the router itself is asked and listened to. What it says is checked before anybody is told of it.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type { Endpoint } from "../../domain/Endpoint.ts"
import type { Granted } from "../../domain/portmap/Granted.ts"
import * as NatPmp from "../../domain/portmap/NatPmp.ts"
import * as Pcp from "../../domain/portmap/Pcp.ts"
import * as Upnp from "../../domain/portmap/Upnp.ts"
import { PeerTransport } from "../../services/PeerTransport.ts"
import type { Gateway } from "./Gateway.ts"
import { ask } from "./UpnpRouter.ts"

/** What is wanted of a router. */
export interface Wish {
  readonly gateway: Gateway
  readonly internalPort: number
  /** What we had before, or would like. */
  readonly suggestedPort: number
  /** In seconds; 0 gives the port back. */
  readonly lifetime: number
  /** 12 bytes, the same as long as the mapping is. */
  readonly nonce: Uint8Array
  /** What `findControl` finds. */
  readonly control: Effect.Effect<Upnp.Control | undefined>
}

/** `Unsupported`: nobody there speaks this protocol. */
export type Outcome = Granted | "Refused" | "Unsupported"

/** The port of PCP and NAT-PMP at a router. */
const controlPort = 5351

/** How long to wait after each sending, in milliseconds: the first times of RFC 6886, as a router is near. */
const patience: ReadonlyArray<number> = [250, 500, 750]
/** Who did not answer PCP is hardly there for NAT-PMP: RFC 6886 has a router answer what it does not know. */
const shortPatience: ReadonlyArray<number> = [250, 500]
/** A router may wait a second before it answers a search (its MX). */
const searchPatience: ReadonlyArray<number> = [500, 1500]

/** Sends bytes, again and again while there is no answer, and reads what comes back; none if nothing fitting does. */
const exchange = <A>(
  options: { readonly local: string; readonly router: string; readonly to: ReadonlyArray<Endpoint> },
  question: Uint8Array,
  read: (answer: Uint8Array) => A | undefined,
  waits = patience,
): Effect.Effect<A | undefined, never, PeerTransport> =>
  Effect.scoped(
    Effect.gen(function* () {
      const transport = yield* PeerTransport
      const socket = yield* Effect.option(transport.bind({ port: 0, address: options.local }))
      if (Option.isNone(socket)) return undefined
      const answers = yield* Queue.dropping<A>(1)
      yield* socket.value.receive((bytes, from) => {
        if (from.address !== options.router) return
        const answer = read(bytes)
        if (answer !== undefined) Queue.offerUnsafe(answers, answer)
      })
      for (const millis of waits) {
        for (const to of options.to) socket.value.send(question, to)
        const answer = yield* Effect.timeoutOption(Queue.take(answers), millis)
        if (Option.isSome(answer)) return answer.value
      }
      return undefined
    }),
  )

const toControl = ({ router, local }: Gateway) => ({ router, local, to: [{ address: router, port: controlPort }] })

export const byPcp = (wish: Wish): Effect.Effect<Outcome, never, PeerTransport> => {
  const { gateway, internalPort, suggestedPort, lifetime, nonce } = wish
  const suggested = { address: "0.0.0.0", port: suggestedPort }
  const request = Pcp.encodeMap({ nonce, client: gateway.local, internalPort, suggested, lifetime })
  return Effect.map(
    exchange(toControl(gateway), request, (answer) => Pcp.decodeMap(answer, wish)),
    (outcome) => outcome ?? "Unsupported",
  )
}

export const byNatPmp = Effect.fnUntraced(function* (wish: Wish): Effect.fn.Return<Outcome, never, PeerTransport> {
  const { gateway, internalPort, suggestedPort, lifetime } = wish
  const address = yield* exchange(
    toControl(gateway),
    NatPmp.externalAddressRequest,
    NatPmp.decodeExternalAddress,
    shortPatience,
  )
  if (address === undefined) return "Unsupported"
  if (address === "Refused") return "Refused"
  const request = NatPmp.encodeMap(internalPort, lifetime === 0 ? 0 : suggestedPort, lifetime)
  const mapped = yield* exchange(toControl(gateway), request, (answer) => NatPmp.decodeMap(answer, internalPort))
  if (mapped === undefined || mapped === "Refused") return "Refused"
  return { external: { address, port: mapped.port }, lifetime: mapped.lifetime }
})

/** How many other ports are tried where the first is somebody else's. */
const portTries = 4

/** Where a router takes UPnP's actions; nothing if it does not. */
export const findControl = Effect.fnUntraced(function* ({
  router,
  local,
}: Gateway): Effect.fn.Return<Upnp.Control | undefined, never, PeerTransport> {
  const described = yield* exchange(
    { router, local, to: [Upnp.multicast, { address: router, port: Upnp.multicast.port }] },
    new TextEncoder().encode(Upnp.search),
    (answer) => (answer.length > 4096 ? undefined : Upnp.location(new TextDecoder().decode(answer), router)),
    searchPatience,
  )
  if (described === undefined) return undefined
  const description = yield* ask(described)
  return description?.status === 200 ? Upnp.control(description.text, described) : undefined
})

export const byUpnp = Effect.fnUntraced(function* (wish: Wish): Effect.fn.Return<Outcome> {
  const { gateway, internalPort, lifetime, nonce } = wish
  const control = yield* wish.control
  if (control === undefined) return "Unsupported"
  const { place, service } = control
  if (lifetime === 0) {
    yield* ask(place, Upnp.deleteMapping(service, wish.suggestedPort))
    return "Refused"
  }
  const says = yield* ask(place, Upnp.getExternalAddress(service))
  const address = says?.status === 200 ? Upnp.externalAddress(says.text) : undefined
  if (address === undefined) return "Refused"
  const internal = { address: gateway.local, port: internalPort }
  for (let i = 0; i <= portTries; i++) {
    const externalPort = i === 0 ? wish.suggestedPort : 1024 + (((nonce[2 * i]! << 8) | nonce[2 * i + 1]!) % 64_512)
    const answer = yield* ask(place, Upnp.addMapping(service, { externalPort, internal, lifetime }))
    if (answer?.status === 200) return { external: { address, port: externalPort }, lifetime }
    if (answer === undefined || !Upnp.isConflict(answer.text)) return "Refused"
  }
  return "Refused"
})
