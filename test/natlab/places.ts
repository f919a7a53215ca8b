/**
 * Places that are more than a pair of NATs.
 */
import type { Scenario } from "./Scenario.ts"

const group = "special places"

export const places: ReadonlyArray<Scenario> = [
  {
    name: "one LAN",
    group,
    sites: ["a=portrestr:hosts=2"],
    hosts: ["a1", "a2"],
    paths: ["lan"],
    address: "192.168.1.",
  },
  {
    name: "one LAN behind a random NAT",
    group,
    sites: ["a=sym:hosts=2"],
    hosts: ["a1", "a2"],
    paths: ["lan"],
    address: "192.168.1.",
  },
  {
    name: "one NAT that hairpins, no LAN path",
    group,
    sites: ["a=eim:hosts=2:isolate:hairpin"],
    hosts: ["a1", "a2"],
    paths: ["direct"],
  },
  {
    name: "one NAT without hairpin, no LAN path",
    group,
    sites: ["a=portrestr:hosts=2:isolate"],
    hosts: ["a1", "a2"],
    paths: ["relay"],
  },
  {
    name: "one carrier's NAT that hairpins",
    group,
    sites: ["c=eim-eif:hairpin", "a=portrestr@c", "b=portrestr@c"],
    paths: ["direct"],
  },
  {
    name: "one carrier's NAT without hairpin",
    group,
    sites: ["c=eim-eif", "a=portrestr@c", "b=portrestr@c"],
    paths: ["relay"],
  },
  {
    name: "two homes with equal private addresses",
    group,
    sites: ["a=portrestr:net=192.168.1", "b=portrestr:net=192.168.1"],
    paths: ["direct"],
    address: "203.0.113.",
  },
  {
    name: "IPv6 behind stateful firewalls",
    group,
    sites: ["a=sym:v6", "b=sym:v6"],
    paths: ["direct"],
    address: "[2001:db8:",
  },
  {
    name: "a port mapping at a random NAT, and another random NAT",
    group,
    sites: ["a=sym:upnp", "b=sym"],
    // Who has the mapping sends straight to the other; only the other one's path goes to a mapped port.
    paths: ["direct", "mapped"],
    needs: "mapped",
  },
]
