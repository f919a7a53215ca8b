/**
 * Who holds which port of a host, by the kernel's rules: a port is held for one local address, for all IPv4 addresses
 * (`0.0.0.0`) or for all addresses (`::`), and nobody else can have it for any of those.
 */
import * as Option from "effect/Option"
import * as Endpoint from "../../domain/Endpoint.ts"

export const allAddresses = "::"
const allIpv4 = "0.0.0.0"

export const isUnspecified = (address: string): boolean => address === allAddresses || address === allIpv4

/** The ports a system chooses from when asked for any (RFC 6335, section 6). */
const ephemeral = { first: 49_152, last: 65_535 } as const

const covers = (bound: string, address: string): boolean =>
  bound === address || bound === allAddresses || (bound === allIpv4 && !Endpoint.isIpv6(address))

export class PortTable<A> {
  private readonly ports = new Map<number, Map<string, A>>()

  isFree(address: string, port: number): boolean {
    for (const held of this.ports.get(port)?.keys() ?? []) {
      if (covers(held, address) || covers(address, held)) return false
    }
    return true
  }

  /** The port, or a free one if it is 0; none if it is held, or all are. */
  choose(address: string, port: number, chance: () => number): Option.Option<number> {
    if (port !== 0) return this.isFree(address, port) ? Option.some(port) : Option.none()
    const size = ephemeral.last - ephemeral.first + 1
    const start = Math.floor(chance() * size)
    for (let i = 0; i < size; i++) {
      const candidate = ephemeral.first + ((start + i) % size)
      if (this.isFree(address, candidate)) return Option.some(candidate)
    }
    return Option.none()
  }

  hold({ address, port }: Endpoint.Endpoint, holder: A): void {
    let held = this.ports.get(port)
    if (held === undefined) this.ports.set(port, (held = new Map()))
    held.set(address, holder)
  }

  release({ address, port }: Endpoint.Endpoint): void {
    const held = this.ports.get(port)
    if (held?.delete(address) && held.size === 0) this.ports.delete(port)
  }

  /** Who gets what comes to an address and port. */
  holder({ address, port }: Endpoint.Endpoint): A | undefined {
    const held = this.ports.get(port)
    if (held === undefined) return undefined
    return held.get(address) ?? (Endpoint.isIpv6(address) ? undefined : held.get(allIpv4)) ?? held.get(allAddresses)
  }
}
