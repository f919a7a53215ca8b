import { assert, describe, it } from "@effect/vitest"
import * as NetAdvice from "../../../src/domain/net/NetAdvice.ts"
import { NatKind } from "../../../src/domain/net/NatKind.ts"

const network: NetAdvice.Network = {
  udp: "passes",
  nat: "endpoint-independent",
  server: "beyond",
  isVague: false,
  hasIpv6: false,
  portMapping: "none",
}
const advice = (of: Partial<NetAdvice.Network>): ReadonlyArray<string> => NetAdvice.of({ ...network, ...of })

const easy = "Calls will be direct with everybody whose network lets UDP pass."
const some = "Calls to people behind ordinary routers will be direct, some after seconds; with somebody whose NAT gives"
const here =
  "The server is on this machine: it can't see what a NAT in front of it does to calls. Ask a server elsewhere."
const near =
  "You and the server are in one private network: it can't see what a NAT in front of that does to calls. Ask a server elsewhere."
const relayed = "the relay of the server carries the chat, sealed."

describe("what a network means for calling others", () => {
  it.each<[Partial<NetAdvice.Network>, ReadonlyArray<string>]>([
    [{ nat: "none" }, [easy]],
    [{ nat: "endpoint-independent" }, [easy]],
    [{ nat: "address-dependent" }, [`${some} a new port each time too, ${relayed}`]],
    [{ nat: "random" }, [`${some} a new port each time too, ${relayed}`]],
    [{ nat: "sequential" }, [`${some} random ports, ${relayed}`]],
    [{ nat: "block" }, [`${some} ports at random from all there are, ${relayed}`]],
    [{ nat: "unknown" }, ["Calls to people behind ordinary routers will be direct, as far as can be told."]],
    [
      { isVague: true },
      [easy, "The server has one address to ask: a NAT that treats each address differently would look the same."],
    ],
    [{ nat: "random", portMapping: "open" }, [easy]],
    [
      { nat: "random", portMapping: "inner" },
      [
        `${some} a new port each time too, ${relayed}`,
        "The router opens ports, but another NAT is beyond it, as of a carrier: they are no use from outside.",
      ],
    ],
    [{ hasIpv6: true }, [easy, "With people who have IPv6 too, calls are direct that way, past all NATs."]],
    [{ server: "here", nat: "none" }, [here]],
    [{ server: "near", nat: "none" }, [near]],
    [{ server: "near", isVague: true }, [near]],
    [{ server: "near", nat: "random" }, [near]],
    [{ server: "near", nat: "random", portMapping: "open" }, [easy]],
    [
      { server: "here", nat: "none", hasIpv6: true },
      [here, "With people who have IPv6 too, calls are direct that way, past all NATs."],
    ],
    [
      { udp: "blocked", nat: "blocked", hasIpv6: true },
      [
        "No UDP passes here: the relay of the server carries every chat, sealed. It works, and takes the longer way.",
        "A firewall that lets UDP out to all ports would make calls direct.",
      ],
    ],
    [
      { udp: "unknown", nat: "unknown" },
      [
        "The server answers no lookups, so nothing more is known. Chats begin on its relay, if it has one, and get direct where that is possible.",
      ],
    ],
  ])("is said in words: %j", (of, expected) => assert.deepStrictEqual(advice(of), expected))

  it("is said for every kind of NAT, and promises a direct call to nobody whose NAT is as hard as one's own", () => {
    for (const nat of NatKind.literals) {
      const [line = ""] = advice({ nat })
      assert.isNotEmpty(line)
      const isHard = ["address-dependent", "sequential", "block", "random"].includes(nat)
      assert.strictEqual(line.includes("relay"), isHard, nat)
    }
  })
})
