import { assert, describe, it } from "@effect/vitest"
import * as AddressRate from "nomitm/services/server/AddressRate"

describe("a rate for each address", () => {
  it("lets each do it so often at once, and again with time", () => {
    const may = AddressRate.make({ burst: 2, perSecond: 1 })
    const tries = (address: string, now: number) => [1, 2, 3].map(() => may(address, now))
    assert.deepStrictEqual(tries("192.0.2.1", 0), [true, true, false])
    assert.deepStrictEqual(tries("192.0.2.2", 0), [true, true, false])
    assert.deepStrictEqual(tries("192.0.2.1", 1000), [true, false, false])
    assert.deepStrictEqual(tries("192.0.2.1", 60_000), [true, true, false])
  })

  it("keeps a bounded number of addresses, and forgets who was last there long ago", () => {
    const may = AddressRate.make({ burst: 1, perSecond: 0.001 })
    assert.isTrue(may("first", 0))
    assert.isFalse(may("first", 10))
    for (let n = 0; n < AddressRate.maxAddresses; n++) may(`address ${n}`, 10)
    // It was forgotten, being one too many: nothing is known against it.
    assert.isTrue(may("first", 10))
    assert.isFalse(may(`address ${AddressRate.maxAddresses - 1}`, 10))
  })
})
