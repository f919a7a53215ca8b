/**
 * `PortMapper` that asks this machine's router, by PCP, NAT-PMP and UPnP in this order
 * (`docs/decisions/0012-port-mapping.md`).
 *
 * A mapping is asked for an hour at most and renewed at half of what the router grants, and given back with the scope:
 * whatever happens to this process, nothing stays open for long.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Crypto from "node:crypto"
import { PeerTransport } from "../../services/PeerTransport.ts"
import { PortMapper, PortMappingError } from "../../services/PortMapper.ts"
import { type Granted, isUsable } from "../../domain/portmap/Granted.ts"
import * as Pcp from "../../domain/portmap/Pcp.ts"
import { type Gateway, gateways } from "./Gateway.ts"
import { byNatPmp, byPcp, byUpnp, findControl, type Outcome, type Wish } from "./RouterQuestions.ts"

/** What is asked for, in seconds. */
const lifetime = 3600

/** How long giving back may hold up the end of a scope, in milliseconds. */
const goodbyeMillis = 500

type Way = (wish: Wish) => Effect.Effect<Outcome, never, PeerTransport>

const ways: ReadonlyArray<Way> = [byPcp, byNatPmp, byUpnp]

interface Held {
  readonly way: Way
  readonly wish: Wish
  readonly granted: Granted
}

/** The first router that grants a port, in the first way that it knows. */
const obtain = Effect.fnUntraced(function* (
  routers: ReadonlyArray<Gateway>,
  internalPort: number,
): Effect.fn.Return<Held, PortMappingError, PeerTransport | Scope.Scope> {
  let reason: PortMappingError["reason"] = routers.length === 0 ? "NoRouter" : "NoAnswer"
  for (const gateway of routers) {
    const nonce = Crypto.randomBytes(Pcp.nonceBytes)
    // UPnP's search takes its time, so it begins at once.
    const search = yield* Effect.forkScoped(findControl(gateway), { startImmediately: true })
    const control = Fiber.join(search)
    const wish: Wish = { gateway, internalPort, suggestedPort: internalPort, lifetime, nonce, control }
    for (const way of ways) {
      const outcome = yield* way(wish)
      if (outcome === "Unsupported") continue
      if (outcome === "Refused") {
        reason = "Refused"
        continue
      }
      const held = { way, wish: { ...wish, suggestedPort: outcome.external.port }, granted: outcome }
      if (isUsable(outcome.external)) return held
      reason = "NoAddress"
      yield* giveBack(held)
    }
  }
  return yield* new PortMappingError({ reason })
})

const giveBack = ({ way, wish }: Held): Effect.Effect<void, never, PeerTransport> =>
  way({ ...wish, lifetime: 0 }).pipe(Effect.timeoutOption(goodbyeMillis), Effect.asVoid)

/** Half of what is left, between a minute and half an hour, in milliseconds. */
const renewalMillis = ({ granted }: Held): number => Math.min(Math.max(granted.lifetime, 120), lifetime) * 500

const renew = (held: Held): Effect.Effect<never, never, PeerTransport> =>
  Effect.sleep(renewalMillis(held)).pipe(Effect.andThen(held.way(held.wish)), Effect.forever)

/** @param routers whom to ask, the most likely first */
export const make = (routers: Effect.Effect<ReadonlyArray<Gateway>>) =>
  Effect.map(PeerTransport, (transport) => {
    const provide = Effect.provideService(PeerTransport, transport)
    return PortMapper.of({
      map: Effect.fnUntraced(function* (port) {
        const obtained = Effect.flatMap(routers, (routers) => obtain(routers, port))
        const held = yield* Effect.acquireRelease(provide(obtained), (held) => provide(giveBack(held)), {
          interruptible: true,
        })
        yield* Effect.forkScoped(provide(renew(held)))
        return held.granted.external
      }),
    })
  })

export const layer: Layer.Layer<PortMapper, never, PeerTransport> = Layer.effect(PortMapper, make(gateways))
