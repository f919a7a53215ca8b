/** `PortMapper` of a host in the network: asks the NAT that it is attached to. */
import * as Effect from "effect/Effect"
import { isIpv6 } from "../../domain/Endpoint.ts"
import { PortMapper, PortMappingError } from "../../services/PortMapper.ts"
import type { HostStation } from "./HostStation.ts"

export const makePortMapper = (station: HostStation): PortMapper["Service"] =>
  PortMapper.of({
    map: (port) =>
      Effect.suspend(() => {
        const { gateway } = station.segment
        const address = station.addresses.find((address) => !isIpv6(address))
        if (gateway === undefined || address === undefined) return new PortMappingError({ reason: "NoRouter" })
        if (!gateway.mapsPorts) return new PortMappingError({ reason: "NoAnswer" })
        const internal = { address, port }
        return Effect.acquireRelease(
          Effect.suspend(() => {
            const external = gateway.mapPort(internal)
            return external === undefined ? new PortMappingError({ reason: "Refused" }) : Effect.succeed(external)
          }),
          () => Effect.sync(() => gateway.unmapPort(internal)),
        )
      }),
  })
