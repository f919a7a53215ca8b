/**
 * A host behind each kind of NAT, for worlds of two.
 */
import { natKinds } from "../../../src/adapters/memory/NatKind.ts"
import { Box, type HostOptions } from "./ReachWorld.ts"

const { narrowSymmetric } = natKinds

export const configs = {
  ...natKinds,
  // As connection tracking does it: one port of the block is for several remote endpoints.
  narrowSymmetric: { ...narrowSymmetric, ports: { ...narrowSymmetric.ports, overloading: true } },
}

/** The kinds of NAT, none at all, and one behind a carrier's. */
export const kinds = [...(Object.keys(configs) as Array<keyof typeof configs>), "open", "behindCarrier"] as const
export type Kind = (typeof kinds)[number]

/** Those that show every remote endpoint, or address, another port. */
export const symmetric: ReadonlySet<Kind> = new Set<Kind>([
  "symmetric",
  "addressSymmetric",
  "sequentialSymmetric",
  "narrowSymmetric",
])

/** @param site 1 to 9: which addresses it has */
export const hostBehind = (kind: Kind, site: number): HostOptions => {
  const outside = `203.0.113.${20 + site}`
  const addresses = [`192.168.${site}.10`]
  switch (kind) {
    case "open":
      return { addresses: [outside] }
    case "firewall":
      return { addresses: [outside], box: new Box(configs.firewall, outside) }
    case "behindCarrier": {
      const carrier = new Box({ ...configs.carrierGrade, hairpinning: false }, outside)
      return { addresses, box: new Box(configs.masquerade, `100.64.${site}.2`, carrier) }
    }
    default:
      return { addresses, box: new Box(configs[kind], outside) }
  }
}
