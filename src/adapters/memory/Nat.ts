/**
 * A NAT (or a stateful firewall) for UDP as a state machine: `(state, packet, now) -> verdict`. The state belongs to one
 * NAT and is changed in place: simulations send hundreds of thousands of packets.
 *
 * What it does is data in the terms of RFC 4787: its *mapping behaviour* (section 4.1), its *port assignment* (4.2), how
 * long a mapping lives (4.3), its *filtering behaviour* (5) and whether it does *hairpinning* (6). `natKinds` names the
 * usual combinations.
 *
 * A mapping belongs to an internal endpoint and, unless it is endpoint-independent, to (part of) a remote endpoint. It
 * holds the *sessions* that outbound packets opened: what the filter lets in. A session ends `timeoutMillis` after its
 * last outbound packet, a mapping with its last session. All sessions together are bounded, and an inside host that
 * needs one more is dropped, as a full table does it.
 *
 * A *port mapping* is one that an inside host asked for (RFC 6886): it stays, and lets everybody in.
 */
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
  /**
   * Whether an unsolicited packet to the NAT itself is tracked, as by a Linux router without a firewall of its own: until
   * the session that it began ends, its port is in use for its source, and an inside host that sends there loses it.
   */
  readonly tracksUnsolicited: boolean
  /** How many sessions there may be at a time. */
  readonly maxSessions: number
}

interface Mapping {
  /** The inside host's; none if the NAT itself is meant. */
  readonly internal: Endpoint.Endpoint | undefined
  readonly external: Endpoint.Endpoint
  /** What part of the remote endpoint the mapping is for. */
  readonly scope: string
  /** The end of each session, in milliseconds, by the part of the remote endpoint that the filter looks at. */
  readonly sessions: Map<string, number>
}

export interface State {
  readonly config: Config
  /** The external addresses: at most one of each family. A family without one is not translated, only filtered. */
  readonly addresses: ReadonlyArray<string>
  readonly mappings: Map<string, Mapping>
  /** The mappings at an external endpoint, by their scope. */
  readonly external: Map<string, Map<string, Mapping>>
  /** Port mappings: the external endpoints by the internal ones, and the other way round. */
  readonly asked: {
    readonly byInternal: Map<string, Endpoint.Endpoint>
    readonly byExternal: Map<string, Endpoint.Endpoint>
  }
  sessions: number
  /** The next port of a sequential pool. */
  nextPort: number
  /** Before this time nothing ends, in milliseconds. */
  nothingEndsBefore: number
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

export type Verdict =
  | { readonly _tag: "Forward"; readonly to: "Outside" | "Inside"; readonly packet: Packet }
  | { readonly _tag: "Dropped"; readonly reason: DropReason }

export const make = (config: Config, addresses: ReadonlyArray<string>): State => ({
  config,
  addresses,
  mappings: new Map(),
  external: new Map(),
  asked: { byInternal: new Map(), byExternal: new Map() },
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
export const outbound = (state: State, packet: Packet, now: number, chance: () => number): Verdict => {
  const { config } = state
  if (config.blocksDatagrams) return dropped("DatagramsBlocked")
  expire(state, now)
  const external = state.asked.byInternal.get(Endpoint.format(packet.source)) ?? openSession(state, packet, now, chance)
  if (typeof external === "string") return dropped(external)
  const translated = { source: external, destination: packet.destination }
  if (!state.addresses.includes(packet.destination.address)) return forward("Outside", translated)
  return config.hairpinning ? inbound(state, translated, now) : dropped("NoHairpinning")
}

/**
 * A packet from the outside, for an external endpoint or, where nothing is translated, for a host inside.
 *
 * @param now in milliseconds, never less than before
 */
export const inbound = (state: State, packet: Packet, now: number): Verdict => {
  const { config } = state
  if (config.blocksDatagrams) return dropped("DatagramsBlocked")
  expire(state, now)
  const at = Endpoint.format(packet.destination)
  const asked = state.asked.byExternal.get(at)
  if (asked !== undefined) return forward("Inside", { source: packet.source, destination: asked })
  const mappings = state.external.get(at)
  const session = partOf(filteringOf(state, packet.destination), packet.source)
  // Of several mappings at one endpoint the one for this remote endpoint comes first.
  const mapping = mappings && admitting(mappings, partOf(mappingOf(config), packet.source), session)
  if (mapping?.internal === undefined) {
    if (config.tracksUnsolicited && state.addresses.includes(packet.destination.address)) track(state, packet, now)
    return dropped(mappings === undefined ? "NoMapping" : "Filtered")
  }
  if (config.inboundRefresh) keepSession(state, mapping, session, now)
  return forward("Inside", { source: packet.source, destination: mapping.internal })
}

/**
 * Maps a port because an inside host asks for it. The same again for the same internal endpoint.
 *
 * @returns nothing where addresses are not translated, or no port is left
 */
export const mapPort = (
  state: State,
  internal: Endpoint.Endpoint,
  now: number,
  chance: () => number,
): Endpoint.Endpoint | undefined => {
  const known = state.asked.byInternal.get(Endpoint.format(internal))
  if (known !== undefined) return known
  if (state.config.mapping === "none" || state.config.blocksDatagrams) return undefined
  expire(state, now)
  const external = assign(state, internal, undefined, chance)
  if (external === undefined || !state.addresses.includes(external.address)) return undefined
  state.asked.byInternal.set(Endpoint.format(internal), external)
  state.asked.byExternal.set(Endpoint.format(external), internal)
  return external
}

export const unmapPort = (state: State, internal: Endpoint.Endpoint): void => {
  const external = state.asked.byInternal.get(Endpoint.format(internal))
  if (external === undefined) return
  state.asked.byInternal.delete(Endpoint.format(internal))
  state.asked.byExternal.delete(Endpoint.format(external))
}

const dropped = (reason: DropReason): Verdict => ({ _tag: "Dropped", reason })
const forward = (to: "Outside" | "Inside", packet: Packet): Verdict => ({ _tag: "Forward", to, packet })

/** A firewall's table is one of mappings that change nothing. */
const mappingOf = (config: Config): Dependence => (config.mapping === "none" ? "endpoint-independent" : config.mapping)

/** Where a NAT does not translate it is a firewall, and lets in only what was asked for (RFC 6092). */
const filteringOf = ({ config, addresses }: State, local: Endpoint.Endpoint): Dependence =>
  config.mapping === "none" || addresses.some((it) => Endpoint.isIpv6(it) === Endpoint.isIpv6(local.address))
    ? config.filtering
    : "address-and-port-dependent"

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

const admitting = (mappings: Map<string, Mapping>, scope: string, session: string): Mapping | undefined => {
  const exact = mappings.get(scope)
  if (exact?.sessions.has(session) === true) return exact
  for (const mapping of mappings.values()) if (mapping.sessions.has(session)) return mapping
  return undefined
}

/** Removes what has ended. What is left is alive. */
const expire = (state: State, now: number): void => {
  if (now < state.nothingEndsBefore) return
  let nothingEndsBefore = Infinity
  for (const [key, mapping] of state.mappings) {
    for (const [session, end] of mapping.sessions) {
      if (end > now) nothingEndsBefore = Math.min(nothingEndsBefore, end)
      else if (mapping.sessions.delete(session)) state.sessions -= 1
    }
    if (mapping.sessions.size > 0) continue
    state.mappings.delete(key)
    const at = Endpoint.format(mapping.external)
    const left = state.external.get(at)
    if (left?.delete(mapping.scope) === true && left.size === 0) state.external.delete(at)
  }
  state.nothingEndsBefore = nothingEndsBefore
}

/** Finds or makes the mapping and the session of an outbound packet; the external endpoint. */
const openSession = (
  state: State,
  { source, destination }: Packet,
  now: number,
  chance: () => number,
): Endpoint.Endpoint | DropReason => {
  const { config } = state
  const scope = partOf(mappingOf(config), destination)
  const key = `${Endpoint.format(source)} ${scope}`
  const session = partOf(filteringOf(state, source), destination)
  const known = state.mappings.get(key)
  if (known?.sessions.has(session) !== true && state.sessions >= config.maxSessions) return "TableFull"
  if (known !== undefined) {
    keepSession(state, known, session, now)
    return known.external
  }
  const external = assign(state, source, scope, chance)
  if (external === undefined) return "NoPortLeft"
  keepSession(state, link(state, key, { internal: source, external, scope, sessions: new Map() }), session, now)
  return external
}

/** An unsolicited packet to the NAT itself begins a session of its own. */
const track = (state: State, { source, destination }: Packet, now: number): void => {
  const session = Endpoint.format(source)
  const key = `itself ${Endpoint.format(destination)} ${session}`
  const known = state.mappings.get(key)
  if (known === undefined && state.sessions >= state.config.maxSessions) return
  // What an inside host has in use for this source is not the NAT's own.
  if (known === undefined && state.external.get(Endpoint.format(destination))?.has(session) === true) return
  const itself =
    known ?? link(state, key, { internal: undefined, external: destination, scope: session, sessions: new Map() })
  keepSession(state, itself, session, now)
}

const link = (state: State, key: string, mapping: Mapping): Mapping => {
  const at = Endpoint.format(mapping.external)
  const scopes = state.external.get(at)
  if (scopes === undefined) state.external.set(at, new Map([[mapping.scope, mapping]]))
  else scopes.set(mapping.scope, mapping)
  state.mappings.set(key, mapping)
  return mapping
}

const keepSession = (state: State, mapping: Mapping, session: string, now: number): void => {
  const end = now + state.config.timeoutMillis
  if (!mapping.sessions.has(session)) state.sessions += 1
  mapping.sessions.set(session, end)
  if (end < state.nothingEndsBefore) state.nothingEndsBefore = end
}

/**
 * The external endpoint of a new mapping.
 *
 * @param scope what part of the remote endpoint it is for; everybody without it
 */
const assign = (
  state: State,
  source: Endpoint.Endpoint,
  scope: string | undefined,
  chance: () => number,
): Endpoint.Endpoint | undefined => {
  const { mapping, ports } = state.config
  const ipv6 = Endpoint.isIpv6(source.address)
  const address = state.addresses.find((it) => Endpoint.isIpv6(it) === ipv6)
  if (mapping === "none" || address === undefined) return source

  const isFree = (port: number): boolean => {
    const at = Endpoint.format({ address, port })
    if (state.asked.byExternal.has(at)) return false
    const scopes = state.external.get(at)
    return scopes === undefined || (ports.overloading && scope !== undefined && !scopes.has(scope))
  }
  if ((ports.preserving || scope === undefined) && isFree(source.port)) return { address, port: source.port }
  const { order, first, last } = ports.pool
  const size = last - first + 1
  const start = order === "random" ? Math.floor(chance() * size) : state.nextPort - first
  for (let i = 0; i < size; i++) {
    const port = first + ((start + i) % size)
    if (!isFree(port)) continue
    if (order === "sequential") state.nextPort = port === last ? first : port + 1
    return { address, port }
  }
  return undefined
}
