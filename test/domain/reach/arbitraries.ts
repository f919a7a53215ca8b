/** Addresses, candidates and events of every kind, for property tests. */
import * as Arbitrary from "effect/Arbitrary"
import type * as Endpoint from "../../../src/domain/Endpoint.ts"
import type { Candidate } from "../../../src/domain/reach/Candidate.ts"
import type { CandidateMessage } from "../../../src/domain/reach/CandidateMessage.ts"
import type { NatMapping } from "../../../src/domain/reach/NatMapping.ts"
import * as Path from "../../../src/domain/reach/Path.ts"
import type * as Reach from "../../../src/domain/reach/Reach.ts"
import { integer, mapAll, oneOf, pick } from "../arbitraries.ts"

/** What may be told: any unicast address but a link-local one. */
export const toldAddress = oneOf(
  pick("203.0.113.21", "203.0.113.22", "192.168.1.10", "192.168.1.11", "10.0.0.1", "100.64.0.2", "127.0.0.1"),
  pick("2001:db8::1", "2001:db8:1::10", "fd00::1", "::1", "198.51.100.7", "1.0.0.1", "223.255.255.254"),
)

/** And what may not. */
export const anyAddress = oneOf(
  toldAddress,
  pick("0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "169.254.1.1", "192.168.1.255", "0.1.2.3"),
  pick("::", "ff02::1", "fe80::1", "2001:db8::1%eth0", "64:ff9b::1"),
)

export const port = oneOf(pick(1, 40_001, 65_535), integer(1, 65_535))

const endpointOf = (address: Arbitrary.Arbitrary<string>): Arbitrary.Arbitrary<Endpoint.Endpoint> =>
  mapAll([address, port], ([address, port]) => ({ address, port }))

export const endpoint = endpointOf(anyAddress)

const candidateOf = (address: Arbitrary.Arbitrary<string>): Arbitrary.Arbitrary<Candidate> =>
  mapAll([pick("host", "reflexive", "mapped", "predicted"), endpointOf(address)], ([kind, endpoint]) => ({
    kind,
    endpoint,
  }))

export const mapping: Arbitrary.Arbitrary<NatMapping> = oneOf<NatMapping>(
  Arbitrary.map(
    pick("Unknown", "None", "EndpointIndependent", "AddressDependent", "Sequential", "Random", "Blocked"),
    (_tag) => ({ _tag }),
  ),
  mapAll([port, integer(0, 2000)], ([low, size]) => ({
    _tag: "Block" as const,
    low,
    high: Math.min(low + size, 65_535),
  })),
)

const messageOf = (address: Arbitrary.Arbitrary<string>): Arbitrary.Arbitrary<CandidateMessage> =>
  mapAll(
    [oneOf(integer(0, 5), integer(0, 65_535)), mapping, Arbitrary.array(candidateOf(address), { maxLength: 16 })],
    ([generation, mapping, candidates]) => ({ generation, mapping, candidates }),
  )

export const message = messageOf(toldAddress)
/** As no decoder gives it. */
export const wildMessage = messageOf(anyAddress)

const path: Arbitrary.Arbitrary<Path.Path> = oneOf<Path.Path>(
  Arbitrary.Constant(Path.relay),
  mapAll([integer(0, 300), endpoint], ([socket, remote]) => Path.direct(socket, remote)),
)

const data = Arbitrary.map(integer(0, 255), (byte) => new Uint8Array(8).fill(byte))
const frame: Arbitrary.Arbitrary<Reach.PathFrame> = mapAll(
  [pick("PathChallenge", "PathResponse"), data],
  ([_tag, data]) => ({ _tag, data }),
)

const addresses = Arbitrary.array(anyAddress, { maxLength: 20 })
const isNewest = pick(true, false)

/** An answer to what was sent last by a path is `Echo`: no arbitrary can guess eight random bytes. */
export type Doing =
  | Exclude<Reach.Event, { readonly _tag: "Resumed" }>
  /** With the same policy. */
  | { readonly _tag: "Resumed" }
  | { readonly _tag: "Echo"; readonly back: number }

export const doing: Arbitrary.Arbitrary<Doing> = oneOf<Doing>(
  Arbitrary.map(pick("RelayUp", "NoPort", "Due", "Due"), (_tag) => ({ _tag })),
  Arbitrary.map(pick("Relay_refused", "Server_lost", "Peer_gone"), (because) => ({ _tag: "RelayDown", because })),
  Arbitrary.Constant({ _tag: "Resumed" }),
  mapAll([endpoint, anyAddress, addresses, port, integer(0, 4)], ([observed, seen, addresses, port, targets]) => ({
    _tag: "Started" as const,
    observed,
    seen,
    addresses,
    port,
    targets,
  })),
  mapAll([integer(-1, 5), endpoint], ([target, mapped]) => ({ _tag: "LookedUp" as const, target, mapped })),
  Arbitrary.map(endpoint, (endpoint) => ({ _tag: "PortMapped", endpoint })),
  Arbitrary.map(wildMessage, (message) => ({ _tag: "Told", message })),
  mapAll([path, Arbitrary.array(frame, { maxLength: 4 }), isNewest], ([path, frames, isNewest]) => ({
    _tag: "Heard" as const,
    path,
    frames,
    isNewest,
  })),
  Arbitrary.map(integer(0, 40), (back) => ({ _tag: "Echo", back })),
  Arbitrary.map(path, (path) => ({ _tag: "Acknowledged", path })),
  Arbitrary.map(isNewest, (unacknowledged) => ({ _tag: "Waiting", unacknowledged })),
  Arbitrary.map(addresses, (addresses) => ({ _tag: "AddressesChanged", addresses })),
)

/** What is done, and for how long it is waited before it; then the timer fires as often as it is due. */
export const doings = Arbitrary.array(Arbitrary.all([doing, oneOf(integer(0, 50), integer(0, 20_000))]), {
  maxLength: 40,
})
