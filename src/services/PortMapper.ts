/**
 * Asks the router for a port: a UDP mapping that lets everybody reach a socket of ours from the outside (RFC 6886,
 * RFC 6887, UPnP's Internet Gateway Device).
 *
 * Provided by `adapters/node/NodePortMapper`, by a host of `adapters/memory/MemoryNetwork`, and by `layerNone` where no router is to be asked.
 *
 * What a router says is a claim, not knowledge. Of its external address only so much is used: one that is private or a
 * carrier's (RFC 1918, RFC 6598) means that there is another NAT beyond, and that the mapping reaches no further than to
 * it. Any other is replaced by the address that the rendezvous server sees this machine at: routers that are configured
 * by hand say what they like.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Endpoint } from "../domain/Endpoint.ts"

/** Why there is no mapping. All of them mean: go on without one. */
export class PortMappingError extends Schema.TaggedError<PortMappingError>("nomitm/PortMappingError")(
  "PortMappingError",
  {
    /**
     * `NotAsked`: no router is asked here. `NoRouter`: nothing looks like one. `NoAnswer`: it knows none of the protocols.
     * `Refused`: it said no. `NoAddress`: it has no external address itself.
     */
    reason: Schema.Literals(["NotAsked", "NoRouter", "NoAnswer", "Refused", "NoAddress"]),
  },
) {
  override get message(): string {
    return problems[this.reason]
  }
}

const problems = {
  NotAsked: "No router was asked for a port",
  NoRouter: "No router was found to ask for a port",
  NoAnswer: "The router maps no ports: it answers neither PCP, NAT-PMP nor UPnP",
  Refused: "The router refused to map a port",
  NoAddress: "The router has no external address",
}

export class PortMapper extends Context.Service<
  PortMapper,
  {
    /**
     * Maps a UDP port of this machine at the router, for IPv4, and keeps the mapping alive until the scope closes; then it
     * is removed, or runs out within the hour. Takes a few seconds at most.
     *
     * @param port the local port of a socket of ours
     * @returns the external endpoint as the router says it: a unicast address, and a port that may be another one
     */
    readonly map: (port: number) => Effect.Effect<Endpoint, PortMappingError, Scope.Scope>
  }
>()("nomitm/services/PortMapper") {
  /** Asks nobody. */
  static readonly layerNone: Layer.Layer<PortMapper> = Layer.succeed(
    PortMapper,
    PortMapper.of({ map: () => Effect.fail(new PortMappingError({ reason: "NotAsked" })) }),
  )
}
