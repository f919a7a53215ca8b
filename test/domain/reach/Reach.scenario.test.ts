import { assert, describe, it } from "@effect/vitest"
import * as Endpoint from "../../../src/domain/Endpoint.ts"
import * as Path from "../../../src/domain/reach/Path.ts"
import * as PathBook from "../../../src/domain/reach/PathBook.ts"
import * as Reach from "../../../src/domain/reach/Reach.ts"
import * as RemoteCandidates from "../../../src/domain/reach/RemoteCandidates.ts"
import { configs, hostBehind } from "./NatHosts.ts"
import { Box, type Host, World } from "./ReachWorld.ts"

const pathOf = ({ state }: Host): string => {
  const path = Reach.active(state)
  return path === undefined ? "none" : path._tag === "Relay" ? "relay" : Endpoint.format(path.remote)
}

const stuck = ({ actions }: Host) => actions.flatMap((action) => (action._tag === "Stuck" ? [action.because] : []))
const direct = ({ actions }: Host) => actions.filter((it) => it._tag === "Send" && it.path._tag === "Direct")

describe("two hosts of one network", () => {
  it("use their own addresses, in one round trip of that network", () => {
    const box = new Box(configs.masquerade, "203.0.113.21")
    const world = new World({ addresses: ["192.168.1.10"], box }, { addresses: ["192.168.1.11"], box }).meet()
    world.pass(300)
    assert.deepStrictEqual([world.alice, world.bob].map(pathOf), ["192.168.1.11:40001", "192.168.1.10:40001"])
    assert.deepStrictEqual([world.alice.kind, world.bob.kind], ["lan", "lan"])
    assert.strictEqual(Reach.report(world.alice.state).why, "same_network")
  })

  it("use each other's IPv6 addresses where IPv4 does not lead out of the house", () => {
    const alice = { addresses: ["2001:db8:1::10"], box: new Box(configs.firewall, "2001:db8::1") }
    const bob = { addresses: ["2001:db8:2::10"], box: new Box(configs.firewall, "2001:db8::2") }
    const world = new World(alice, bob).meet(0)
    world.pass(1000)
    assert.deepStrictEqual([world.alice, world.bob].map(pathOf), ["[2001:db8:2::10]:40001", "[2001:db8:1::10]:40001"])
  })
})

describe("two homes", () => {
  it("with equal private addresses reach each other outside, and never knock at their own address", () => {
    const host = (site: number) => ({ ...hostBehind("masquerade", site), addresses: ["192.168.1.10"] })
    const world = new World(host(1), host(2)).meet()
    world.pass(1000)
    assert.deepStrictEqual([world.alice, world.bob].map(pathOf), ["203.0.113.22:40001", "203.0.113.21:40001"])
    for (const host of [world.alice, world.bob]) {
      assert.isTrue(direct(host).every((it) => it._tag === "Send" && !JSON.stringify(it.path).includes("192.168")))
    }
  })

  const neighbours = (hairpinning: boolean) => {
    const carrier = new Box({ ...configs.carrierGrade, hairpinning }, "203.0.113.21")
    const host = (site: number) => ({
      addresses: ["192.168.1.10"],
      box: new Box(configs.masquerade, `100.64.0.${site}`, carrier),
    })
    return new World(host(2), host(3)).meet()
  }

  it("of one carrier reach each other where it turns datagrams around", () => {
    const world = neighbours(true)
    world.pass(1000)
    assert.deepStrictEqual([world.alice.kind, world.bob.kind], ["direct", "direct"])
  })

  it("of one carrier that does not stay on the relay", () => {
    const world = neighbours(false)
    world.pass(5000)
    assert.deepStrictEqual([world.alice.kind, world.bob.kind], ["relay", "relay"])
    assert.deepStrictEqual(stuck(world.alice), ["No_answer"])
  })
})

describe("the relay", () => {
  it("is used at once, and measured", () => {
    const world = new World(hostBehind("masquerade", 1), hostBehind("masquerade", 2))
    world.alice.on({ _tag: "RelayUp" })
    assert.strictEqual(world.alice.kind, "relay")
    world.bob.on({ _tag: "RelayUp" })
    world.pass(100)
    const measured = world.alice.actions.find(({ _tag }) => _tag === "Measured")
    assert.deepInclude(measured, { rttMillis: 80, at: 80 })
  })

  it("alone, if that is wanted: nothing goes out on UDP, no address is told, no datagram answered", () => {
    const world = new World({ ...hostBehind("fullCone", 1), relay: "always" }, hostBehind("fullCone", 2)).meet()
    world.pass(20_000)
    assert.isTrue(world.alice.actions.every(({ _tag }) => !["Tell", "LookUp", "MapPort", "OpenSockets"].includes(_tag)))
    assert.deepStrictEqual(direct(world.alice), [])
    assert.deepStrictEqual(stuck(world.alice), [])
    assert.deepStrictEqual([world.alice.kind, world.bob.kind], ["relay", "relay"])
  })

  it("never, if that is wanted, and then it is said why there is no path", () => {
    const host = (site: number) => ({ ...hostBehind("symmetric", site), relay: "never" as const })
    const world = new World(host(1), host(2)).meet()
    world.pass(5000)
    assert.strictEqual(world.alice.kind, "none")
    assert.deepStrictEqual(stuck(world.alice), ["Both_random"])
    assert.isTrue(world.alice.actions.every((it) => it._tag !== "Send" || it.path._tag === "Direct"))
  })

  it("that the server refuses is said to be why, if nothing else is there", () => {
    const { alice } = new World(hostBehind("masquerade", 1), hostBehind("masquerade", 2))
    alice.on({ _tag: "RelayUp" })
    alice.on({ _tag: "NoPort" })
    alice.on({ _tag: "RelayDown", because: "Relay_refused" })
    alice.world.pass(2500)
    assert.strictEqual(alice.kind, "none")
    assert.deepStrictEqual(stuck(alice), ["Relay_refused"])
  })
})

describe("a path", () => {
  const connected = (seed = 1) => {
    const world = new World(hostBehind("masquerade", 1), hostBehind("masquerade", 2), seed).meet()
    world.pass(1000)
    assert.deepStrictEqual([world.alice.kind, world.bob.kind], ["direct", "direct"])
    return world
  }

  it("is kept open by both sides, with one record every ten seconds", () => {
    const world = connected()
    const before = direct(world.alice).length
    world.pass(60_000)
    assert.deepStrictEqual([world.alice.kind, world.bob.kind], ["direct", "direct"])
    assert.isAtMost(direct(world.alice).length - before, 16)
  })

  it("that dies under traffic is left for the relay within two seconds, and found again when it is back", () => {
    const world = connected()
    const { alice } = world
    world.isCoreWorking = false
    alice.on({ _tag: "Waiting", unacknowledged: true })
    world.pass(2000)
    assert.strictEqual(alice.kind, "relay")
    alice.on({ _tag: "Waiting", unacknowledged: false })
    world.isCoreWorking = true
    world.pass(70_000)
    assert.deepStrictEqual([alice.kind, world.bob.kind], ["direct", "direct"])
  })

  it("that is back is used again within twenty seconds, though no search is due for a minute", () => {
    const world = connected()
    const { alice, bob } = world
    world.isCoreWorking = false
    alice.on({ _tag: "Waiting", unacknowledged: true })
    world.pass(25_000)
    assert.deepStrictEqual([alice.kind, bob.kind], ["relay", "relay"])
    alice.on({ _tag: "Waiting", unacknowledged: false })
    world.isCoreWorking = true
    world.pass(20_000)
    assert.deepStrictEqual([alice.kind, bob.kind], ["direct", "direct"])
  })

  it("that is not back is asked for two minutes, and then only searched for", () => {
    const world = connected()
    const { alice } = world
    world.isCoreWorking = false
    alice.on({ _tag: "Waiting", unacknowledged: true })
    world.pass(2000)
    alice.on({ _tag: "Waiting", unacknowledged: false })
    const address = alice.state.book.former.at(-1)!.path
    world.pass(3_600_000)
    const asked = alice.actions.filter((it) => it._tag === "Send" && it.at > 10_000 && Path.equals(it.path, address))
    const searches = asked.filter(({ at }) => at > 10_000 + PathBook.revivableMillis)
    assert.isAtMost(asked.length - searches.length, 14 + 2 * (RemoteCandidates.probes + 1))
    assert.isAtMost(searches.length, 2 * 5 * (RemoteCandidates.probes + 1))
  })

  it("that dies in silence is noticed within fifteen seconds", () => {
    const world = connected()
    world.isCoreWorking = false
    world.pass(15_000)
    assert.deepStrictEqual([world.alice.kind, world.bob.kind], ["relay", "relay"])
  })

  it("stays while what went by it is acknowledged", () => {
    const world = connected()
    const { alice } = world
    alice.on({ _tag: "Waiting", unacknowledged: true })
    const before = direct(alice).length
    for (let i = 0; i < 20; i++) {
      world.pass(100)
      alice.on({ _tag: "Acknowledged", path: Reach.active(alice.state)! })
    }
    assert.strictEqual(alice.kind, "direct")
    assert.strictEqual(direct(alice).length, before)
  })

  it("survives a NAT that forgets: the other side answers to where records come from", () => {
    const world = connected()
    world.alice.box!.restart()
    world.alice.on({ _tag: "Waiting", unacknowledged: true })
    world.pass(10_000)
    assert.deepStrictEqual([world.alice.kind, world.bob.kind], ["direct", "direct"])
  })

  it("is found again after a change of address, with the relay in between", () => {
    const world = connected()
    const { alice, bob } = world
    alice.box = new Box(configs.randomPortCone, "203.0.113.77")
    alice.addresses = ["10.0.0.7"]
    alice.on({ _tag: "AddressesChanged", addresses: alice.addresses })
    assert.strictEqual(alice.kind, "relay")
    world.pass(15_000)
    assert.deepStrictEqual([alice.kind, bob.kind], ["direct", "direct"])
    assert.match(pathOf(bob), /^203\.0\.113\.77:/)
  })

  it("stays the same if the addresses are those of before", () => {
    const { alice } = connected()
    const before = alice.actions.length
    alice.on({ _tag: "AddressesChanged", addresses: [...alice.addresses] })
    assert.strictEqual(alice.actions.length, before)
  })

  it("outlives the server", () => {
    const world = connected()
    for (const host of [world.alice, world.bob]) host.on({ _tag: "RelayDown", because: "Server_lost" })
    world.isRelayWorking = false
    world.pass(60_000)
    assert.deepStrictEqual([world.alice.kind, world.bob.kind], ["direct", "direct"])
  })

  /** Both were connected, and then server and network are gone. */
  const cutOff = () => {
    const world = connected()
    for (const host of [world.alice, world.bob]) host.on({ _tag: "RelayDown", because: "Server_lost" })
    world.isCoreWorking = false
    return world
  }

  it("that is gone together with the relay is found again when the network is back", () => {
    const world = cutOff()
    const { alice, bob } = world
    world.pass(60_000)
    assert.deepStrictEqual([alice.kind, bob.kind], ["none", "none"])
    assert.include(stuck(alice), "No_relay")
    world.isCoreWorking = true
    world.pass(20_000)
    assert.deepStrictEqual([alice.kind, bob.kind], ["direct", "direct"])
  })

  it("that does not come back is searched again and again, and that there is none is said once, until there was one", () => {
    const world = cutOff()
    const { alice, bob } = world
    world.pass(3_600_000)
    assert.isAbove(Reach.report(alice.state).searches, 10)
    assert.deepStrictEqual(stuck(alice), ["No_relay"])
    world.isCoreWorking = true
    world.pass(60_000)
    assert.deepStrictEqual([alice.kind, bob.kind], ["direct", "direct"])
    world.isCoreWorking = false
    world.pass(60_000)
    assert.deepStrictEqual(stuck(alice), ["No_relay", "No_relay"])
  })
})

describe("searches", () => {
  it("do not call forth each other for ever", () => {
    const world = new World(hostBehind("symmetric", 1), hostBehind("symmetric", 2)).meet()
    world.pass(600_000)
    assert.isAtMost(Reach.report(world.alice.state).searches, 6)
    assert.isAtMost(world.alice.actions.filter(({ _tag }) => _tag === "Tell").length, 12)
  })

  it("of counting NATs predict anew each time", () => {
    const world = new World(hostBehind("sequentialSymmetric", 1), hostBehind("sequentialSymmetric", 2)).meet()
    world.isCoreWorking = false
    world.pass(20_000)
    assert.deepStrictEqual([world.alice.kind, world.bob.kind], ["relay", "relay"])
    world.isCoreWorking = true
    world.pass(60_000)
    assert.deepStrictEqual([world.alice.kind, world.bob.kind], ["direct", "direct"])
  })
})

describe("a router that maps a port", () => {
  const mapping = (mapsAfter: number): World =>
    new World({ ...hostBehind("symmetric", 1), mapsAfter }, hostBehind("symmetric", 2)).meet()

  it("makes direct what two symmetric NATs do not let be", () => {
    const world = mapping(1000)
    world.pass(3000)
    assert.deepStrictEqual([world.alice.kind, world.bob.kind], ["direct", "mapped"])
    assert.strictEqual(Reach.report(world.bob.state).why, "port_mapped")
  })

  it("may take its time: it is searched once more for it", () => {
    const world = mapping(15_000)
    world.pass(20_000)
    // By then the server sees us at that port, too.
    assert.deepStrictEqual([world.alice.kind, world.bob.kind], ["direct", "direct"])
  })
})
