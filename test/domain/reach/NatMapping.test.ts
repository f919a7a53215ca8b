import { assert, describe, it } from "@effect/vitest"
import * as NatMapping from "../../../src/domain/reach/NatMapping.ts"
import { generator } from "./ReachWorld.ts"

const local = { addresses: ["192.168.1.10", "203.0.113.9"], port: 40_001 }
const outside = "203.0.113.21"

/** Four answers, or as many ports as are given. */
const samples = (...ports: ReadonlyArray<number>): ReadonlyArray<NatMapping.Sample> =>
  ports.map((port, target) => ({ target, mapped: { address: outside, port } }))

const classify = (...ports: ReadonlyArray<number>): NatMapping.NatMapping =>
  NatMapping.classify(samples(...ports), local)

describe("the mapping of a NAT", () => {
  it("is not known without answers, nor by one alone", () => {
    assert.strictEqual(classify()._tag, "Unknown")
    assert.strictEqual(classify(40_001)._tag, "Unknown")
  })

  it("is none where the server sees the machine's own address and port", () => {
    const seen = [{ target: 0, mapped: { address: "203.0.113.9", port: 40_001 } }]
    assert.strictEqual(NatMapping.classify(seen, local)._tag, "None")
  })

  it("is endpoint-independent where all see the same", () => {
    assert.strictEqual(classify(40_001, 40_001, 40_001, 40_001)._tag, "EndpointIndependent")
    assert.strictEqual(classify(61_000, 61_000)._tag, "EndpointIndependent")
  })

  it("is address-dependent where only addresses see another port", () => {
    assert.strictEqual(classify(61_000, 61_000, 3000, 3000)._tag, "AddressDependent")
  })

  it("is sequential where ports follow each other, in whatever order, with those of others between them", () => {
    assert.strictEqual(classify(20_000, 20_001, 20_002, 20_003)._tag, "Sequential")
    assert.strictEqual(classify(20_003, 20_001, 20_000, 20_005)._tag, "Sequential")
    assert.strictEqual(classify(20_000, 20_002, 20_004, 20_006)._tag, "Sequential")
    assert.strictEqual(classify(20_000, 20_001)._tag, "Sequential")
  })

  it("is a block where they are all in one, wherever it begins", () => {
    assert.deepStrictEqual(classify(4100, 5000, 4500, 4900), { _tag: "Block", low: 4096, high: 5119 })
    assert.deepStrictEqual(classify(5000, 5300, 5500, 5150), { _tag: "Block", low: 4477, high: 6023 })
  })

  it("is random where they are anywhere, or the address changes too", () => {
    assert.strictEqual(classify(1024, 60_000, 3000, 41_000)._tag, "Random")
    const [first, ...others] = samples(1000, 1001, 1002, 1003)
    const moved = [{ ...first!, mapped: { address: "203.0.113.22", port: 999 } }, ...others]
    assert.strictEqual(NatMapping.classify(moved, local)._tag, "Random")
  })

  it("is not taken for something else by chance more often than once in a thousand", () => {
    const random = generator(1)
    let wrong = 0
    for (let i = 0; i < 20_000; i++) {
      const ports = Array.from({ length: 4 }, () => 1024 + Math.floor(random() * 64_512))
      if (classify(...ports)._tag !== "Random") wrong++
    }
    assert.isBelow(wrong, 20)
  })
})
