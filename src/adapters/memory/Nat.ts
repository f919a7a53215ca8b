/**
 * A NAT (or a stateful firewall) for UDP as a pure state machine: `(state, packet, now) -> (state, verdict)`.
 *
 * What it does is data in the terms of RFC 4787: its *mapping behaviour* (section 4.1), its *port assignment* (4.2), how
 * long a mapping lives (4.3), its *filtering behaviour* (5) and whether it does *hairpinning* (6). `natKinds` names the
 * usual combinations.
 *
 * A mapping belongs to an internal endpoint and, unless it is endpoint-independent, to (part of) a remote endpoint. It
 * holds the *sessions* that outbound packets opened: what the filter lets in. A session ends `timeoutMillis` after its
 * last outbound packet, a mapping with its last session. All sessions together are bounded, and an inside host that
 * needs one more is dropped, as a full table does it.
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Endpoint from "../../domain/Endpoint.ts"

/** How much of the remote endpoint a decision depends on (RFC 4787, sections 4.1 and 5). */
export type Dependence = "endpoint-independent" | "address-dependent" | "address-and-port-dependent"

/** Where external ports come from if the internal port is not, or cannot be, kept. Both ends included. */
export interface PortPool {
  readonly order: "sequential" | "random"
  readonly first: number
  readonly last: number
}

/** RFC 4787, section 4.2. */
export interface PortAssignment {
  /** Port preservation: the internal port is the external one as long as it is free. */
  readonly preserving: boolean
  /**
   * Whether two mappings may have one external port while their remote endpoints differ, as connection tracking does
   * it: a preserved port is then in use for one remote endpoint, not for all of them.
   */
  readonly overloading: boolean
  readonly pool: PortPool
}

export interface Config {
  /** `none`: a firewall, which leaves addresses and ports as they are. */
  readonly mapping: Dependence | "none"
  readonly filtering: Dependence
  readonly ports: PortAssignment
  /** How long after the last outbound packet a session ends, in milliseconds (RFC 4787, section 4.3: REQ-5). */
  readonly timeoutMillis: number
  /** Whether inbound packets keep a session alive too (REQ-6). */
  readonly inboundRefresh: boolean
  /** Whether a host inside reaches another one by its external endpoint (section 6: REQ-9). */
  readonly hairpinning: boolean
  /** Drops all UDP; connections still pass. */
  readonly blocksDatagrams: boolean
  /** How many sessions there may be at a time. */
  readonly maxSessions: number
}

interface Mapping {
  readonly internal: Endpoint.Endpoint
  readonly external: Endpoint.Endpoint
  /** What part of the remote endpoint the mapping is for. */
  readonly scope: string
  /** The end of each session, in milliseconds, by the part of the remote endpoint that the filter looks at. */
  readonly sessions: HashMap.HashMap<string, number>
}

export interface State {
  readonly config: Config
  /** The external addresses: at most one of each family. A family without one is not translated, only filtered. */
  readonly addresses: ReadonlyArray<string>
  readonly mappings: HashMap.HashMap<string, Mapping>
  /** The keys of the mappings at an external endpoint, by their scope. */
  readonly external: HashMap.HashMap<string, HashMap.HashMap<string, string>>
  readonly sessions: number
  /** The next port of a sequential pool. */
  readonly nextPort: number
  /** Before this time nothing ends, in milliseconds. */
  readonly nothingEndsBefore: number
}

export interface Packet {
  readonly source: Endpoint.Endpoint
  readonly destination: Endpoint.Endpoint
}

export type DropReason =
  /** Nothing is mapped at the destination. */
  | "NoMapping"
  /** The filter knows no session with the source. */
  | "Filtered"
  | "NoHairpinning"
  | "DatagramsBlocked"
  | "TableFull"
  | "NoPortLeft"

export type Verdict<P> =
  | { readonly _tag: "Forward"; readonly to: "Outside" | "Inside"; readonly packet: P }
  | { readonly _tag: "Dropped"; readonly reason: DropReason }

export type Step<P> = readonly [State, Verdict<P>]

export const make = (config: Config, addresses: ReadonlyArray<string>): State => ({
  config,
  addresses,
  mappings: HashMap.empty(),
  external: HashMap.empty(),
  sessions: 0,
  nextPort: config.ports.pool.first,
  nothingEndsBefore: Infinity,
})

/** The same NAT after a restart: all mappings are gone, and it may have other addresses. */
export const restart = (state: State, addresses = state.addresses): State => make(state.config, addresses)

/**
 * A packet from the inside.
 *
 * @param now in milliseconds, never less than before
 * @param chance decides a random port: 0 or more and less than 1
 */
export const outbound = <P extends Packet>(before: State, packet: P, now: number, chance: number): Step<P> => {
  const { config } = before
  if (config.blocksDatagrams) return [before, dropped("DatagramsBlocked")]
  const mapped = openSession(expire(before, now), packet, now, chance)
  if (typeof mapped[1] === "string") return [mapped[0], dropped(mapped[1])]
  const [state, external] = mapped
  const translated = { ...packet, source: external }
  if (!state.addresses.includes(packet.destination.address)) return [state, forward("Outside", translated)]
  return config.hairpinning ? inbound(state, translated, now) : [state, dropped("NoHairpinning")]
}

/**
 * A packet from the outside, for an external endpoint or, where nothing is translated, for a host inside.
 *
 * @param now in milliseconds, never less than before
 */
export const inbound = <P extends Packet>(before: State, packet: P, now: number): Step<P> => {
  const { config } = before
  if (config.blocksDatagrams) return [before, dropped("DatagramsBlocked")]
  const state = expire(before, now)
  const keys = HashMap.get(state.external, Endpoint.format(packet.destination))
  if (Option.isNone(keys)) return [state, dropped("NoMapping")]
  const session = partOf(config.filtering, packet.source)
  const admits = (key: string): boolean => HashMap.has(HashMap.getUnsafe(state.mappings, key).sessions, session)
  // Of several mappings at one endpoint the one for this remote endpoint comes first.
  const exact = HashMap.get(keys.value, partOf(mappingOf(config), packet.source))
  const key = Option.isSome(exact) && admits(exact.value) ? exact.value : HashMap.toValues(keys.value).find(admits)
  if (key === undefined) return [state, dropped("Filtered")]
  const mapping = HashMap.getUnsafe(state.mappings, key)
  const kept = config.inboundRefresh ? withSession(state, key, mapping, session, now) : state
  return [kept, forward("Inside", { ...packet, destination: mapping.internal })]
}

const dropped = (reason: DropReason): Verdict<never> => ({ _tag: "Dropped", reason })
const forward = <P>(to: "Outside" | "Inside", packet: P): Verdict<P> => ({ _tag: "Forward", to, packet })

/** A firewall's table is one of mappings that change nothing. */
const mappingOf = (config: Config): Dependence => (config.mapping === "none" ? "endpoint-independent" : config.mapping)

/** The part of a remote endpoint that matters. */
const partOf = (dependence: Dependence, remote: Endpoint.Endpoint): string => {
  switch (dependence) {
    case "endpoint-independent":
      return "*"
    case "address-dependent":
      return remote.address
    case "address-and-port-dependent":
      return Endpoint.format(remote)
  }
}

const keyOf = (config: Config, internal: Endpoint.Endpoint, remote: Endpoint.Endpoint): string =>
  `${Endpoint.format(internal)} ${partOf(mappingOf(config), remote)}`

/** Removes what has ended. What is left is alive. */
const expire = (state: State, now: number): State => {
  if (now < state.nothingEndsBefore) return state
  let { mappings, external } = state
  let sessions = 0
  let nothingEndsBefore = Infinity
  for (const [key, mapping] of state.mappings) {
    const alive = HashMap.filter(mapping.sessions, (end) => end > now)
    const size = HashMap.size(alive)
    if (size === 0) {
      mappings = HashMap.remove(mappings, key)
      external = unlink(external, mapping)
      continue
    }
    sessions += size
    for (const end of HashMap.values(alive)) nothingEndsBefore = Math.min(nothingEndsBefore, end)
    if (size < HashMap.size(mapping.sessions)) mappings = HashMap.set(mappings, key, { ...mapping, sessions: alive })
  }
  return { ...state, mappings, external, sessions, nothingEndsBefore }
}

const unlink = (external: State["external"], mapping: Mapping): State["external"] => {
  const at = Endpoint.format(mapping.external)
  const left = HashMap.remove(HashMap.getUnsafe(external, at), mapping.scope)
  return HashMap.isEmpty(left) ? HashMap.remove(external, at) : HashMap.set(external, at, left)
}

/** Finds or makes the mapping and the session of an outbound packet; the external endpoint. */
const openSession = (
  state: State,
  { source, destination }: Packet,
  now: number,
  chance: number,
): readonly [State, Endpoint.Endpoint | DropReason] => {
  const { config } = state
  const key = keyOf(config, source, destination)
  const session = partOf(config.filtering, destination)
  const known = HashMap.get(state.mappings, key)
  const isNew = Option.isNone(known) || !HashMap.has(known.value.sessions, session)
  if (isNew && state.sessions >= config.maxSessions) return [state, "TableFull"]
  if (Option.isSome(known)) return [withSession(state, key, known.value, session, now), known.value.external]

  const scope = partOf(mappingOf(config), destination)
  const assigned = assign(state, source, scope, chance)
  if (assigned === undefined) return [state, "NoPortLeft"]
  const [external, nextPort] = assigned
  const at = Endpoint.format(external)
  const scopes = Option.getOrElse(HashMap.get(state.external, at), () => HashMap.empty<string, string>())
  const mapping: Mapping = { internal: source, external, scope, sessions: HashMap.empty() }
  const linked = { ...state, nextPort, external: HashMap.set(state.external, at, HashMap.set(scopes, scope, key)) }
  return [withSession(linked, key, mapping, session, now), external]
}

const withSession = (state: State, key: string, mapping: Mapping, session: string, now: number): State => {
  const end = now + state.config.timeoutMillis
  return {
    ...state,
    mappings: HashMap.set(state.mappings, key, { ...mapping, sessions: HashMap.set(mapping.sessions, session, end) }),
    sessions: state.sessions + (HashMap.has(mapping.sessions, session) ? 0 : 1),
    nothingEndsBefore: Math.min(state.nothingEndsBefore, end),
  }
}

/** The external endpoint of a new mapping and the next port of a sequential pool. */
const assign = (
  state: State,
  source: Endpoint.Endpoint,
  scope: string,
  chance: number,
): readonly [Endpoint.Endpoint, number] | undefined => {
  const { mapping, ports } = state.config
  const ipv6 = Endpoint.isIpv6(source.address)
  const address = state.addresses.find((it) => Endpoint.isIpv6(it) === ipv6)
  if (mapping === "none" || address === undefined) return [source, state.nextPort]

  const isFree = (port: number): boolean => {
    const scopes = HashMap.get(state.external, Endpoint.format({ address, port }))
    return Option.isNone(scopes) || (ports.overloading && !HashMap.has(scopes.value, scope))
  }
  if (ports.preserving && isFree(source.port)) return [{ address, port: source.port }, state.nextPort]
  const { order, first, last } = ports.pool
  const size = last - first + 1
  const start = order === "random" ? Math.floor(chance * size) : state.nextPort - first
  for (let i = 0; i < size; i++) {
    const port = first + ((start + i) % size)
    if (!isFree(port)) continue
    return [{ address, port }, order === "random" ? state.nextPort : port === last ? first : port + 1]
  }
  return undefined
}
