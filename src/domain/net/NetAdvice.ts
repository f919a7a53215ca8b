/**
 * What a network means for calling others, in words (PROTOCOL.md, section 16.3; `docs/nat-results.md` has what was
 * measured).
 */
import type { NatKind } from "./NatKind.ts"

export interface Network {
  readonly udp: "passes" | "blocked" | "unknown"
  readonly nat: NatKind
  /** Where the server is: on this machine, in a private network with it, or beyond every NAT that there may be. */
  readonly server: "here" | "near" | "beyond"
  /** Only one address of the server was asked: what depends on the address can't be seen. */
  readonly isVague: boolean
  readonly hasIpv6: boolean
  /** What the router opens when asked: nothing, a port to everybody, or one that only another NAT beyond it reaches. */
  readonly portMapping: "none" | "inner" | "open"
}

/** One sentence or two each. */
export const of = (network: Network): ReadonlyArray<string> => {
  const { udp, nat, server, isVague, hasIpv6, portMapping } = network
  // What the router opens to everybody is known from the router.
  const isBlind = server !== "beyond" && portMapping !== "open"
  if (udp === "blocked") {
    return [
      "No UDP passes here: the relay of the server carries every chat, sealed. It works, and takes the longer way.",
      "A firewall that lets UDP out to all ports would make calls direct.",
    ]
  }
  return [
    udp === "unknown" ? unknown : isBlind ? blind[server] : calls(nat, portMapping),
    ...(nat === "endpoint-independent" && isVague && !isBlind ? [vague] : []),
    ...(portMapping === "inner" ? [inner] : []),
    ...(hasIpv6 ? ["With people who have IPv6 too, calls are direct that way, past all NATs."] : []),
  ]
}

const unknown =
  "The server answers no lookups, so nothing more is known. Chats begin on its relay, if it has one, and get direct where that is possible."

const blind = {
  here: "The server is on this machine: it can't see what a NAT in front of it does to calls. Ask a server elsewhere.",
  near: "You and the server are in one private network: it can't see what a NAT in front of that does to calls. Ask a server elsewhere.",
}

const vague = "The server has one address to ask: a NAT that treats each address differently would look the same."

const inner = "The router opens ports, but another NAT is beyond it, as of a carrier: they are no use from outside."

const easy = "Calls will be direct with everybody whose network lets UDP pass."

const ordinary = "Calls to people behind ordinary routers will be direct"
const relayed = "the relay of the server carries the chat, sealed"

const calls = (nat: NatKind, portMapping: Network["portMapping"]): string => {
  if (portMapping === "open") return easy
  switch (nat) {
    case "unknown":
      return `${ordinary}, as far as can be told.`
    case "none":
    case "endpoint-independent":
    case "blocked":
      return easy
    case "address-dependent":
    case "random":
      return `${ordinary}, some after seconds; with somebody whose NAT gives a new port each time too, ${relayed}.`
    case "sequential":
      return `${ordinary}, some after seconds; with somebody whose NAT gives random ports, ${relayed}.`
    case "block":
      return `${ordinary}, some after seconds; with somebody whose NAT gives ports at random from all there are, ${relayed}.`
  }
}
