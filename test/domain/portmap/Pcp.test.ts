import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as Granted from "../../../src/domain/portmap/Granted.ts"
import * as NatPmp from "../../../src/domain/portmap/NatPmp.ts"
import * as Pcp from "../../../src/domain/portmap/Pcp.ts"

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"))

const nonce = unhex("000102030405060708090a0b")
const request = { nonce, internalPort: 5000 }

/** A router's answer to the request, as in RFC 6887, figures 3 and 10. */
const answer = (result: string, address = "00000000000000000000ffffcb007105"): Uint8Array =>
  unhex(
    `02 81 00 ${result} 00000708 00000001 000000000000000000000000 000102030405060708090a0b 11 000000 1388 1770 ${address}`,
  )

describe("PCP", () => {
  it("asks as RFC 6887 has it (figures 2 and 9)", () => {
    const suggested = { address: "0.0.0.0", port: 6000 }
    assert.strictEqual(
      hex(Pcp.encodeMap({ ...request, client: "192.168.1.10", suggested, lifetime: 3600 })),
      "0201000000000e10" +
        "00000000000000000000ffffc0a8010a" +
        "000102030405060708090a0b" +
        "1100000013881770" +
        "00000000000000000000ffff00000000",
    )
  })

  it("reads a grant, a refusal, and that nobody there speaks it", () => {
    assert.deepEqual(Pcp.decodeMap(answer("00"), request), {
      external: { address: "203.0.113.5", port: 6000 },
      lifetime: 1800,
    })
    assert.strictEqual(Pcp.decodeMap(answer("02"), request), "Refused")
    assert.strictEqual(Pcp.decodeMap(answer("01"), request), "Unsupported")
    assert.strictEqual(Pcp.decodeMap(answer("00", "20010db8000000000000000000000001"), request), "Refused")
    // NAT-PMP says "unsupported version" in its own way (RFC 6886, section 3.5).
    assert.strictEqual(Pcp.decodeMap(unhex("0081000100000000"), request), "Unsupported")
  })

  it("takes no answer to another request", () => {
    assert.isUndefined(Pcp.decodeMap(answer("00"), { nonce, internalPort: 5001 }))
    assert.isUndefined(Pcp.decodeMap(answer("00"), { nonce: new Uint8Array(12), internalPort: 5000 }))
    assert.isUndefined(Pcp.decodeMap(answer("00").subarray(0, 59), request))
    assert.isUndefined(
      Pcp.decodeMap(
        Pcp.encodeMap({ ...request, client: "10.0.0.1", suggested: { address: "0.0.0.0", port: 1 }, lifetime: 1 }),
        request,
      ),
    )
  })
})

describe("NAT-PMP", () => {
  it("asks as RFC 6886 has it (sections 3.2 and 3.3)", () => {
    assert.strictEqual(hex(NatPmp.externalAddressRequest), "0000")
    assert.strictEqual(hex(NatPmp.encodeMap(5000, 6000, 3600)), "000100001388177000000e10")
  })

  it("reads the address and the port, or a refusal, and takes no answer to another question", () => {
    const address = unhex("0080 0000 00000001 cb007105")
    const mapped = unhex("0081 0000 00000001 1388 1770 00000e10")
    assert.strictEqual(NatPmp.decodeExternalAddress(address), "203.0.113.5")
    assert.deepEqual(NatPmp.decodeMap(mapped, 5000), { port: 6000, lifetime: 3600 })
    assert.strictEqual(NatPmp.decodeExternalAddress(unhex("0080 0002 00000001")), "Refused")
    assert.strictEqual(NatPmp.decodeMap(unhex("0081 0002 00000001 1388 0000 00000000"), 5000), "Refused")
    assert.isUndefined(NatPmp.decodeMap(mapped, 5001))
    assert.isUndefined(NatPmp.decodeMap(address, 5000))
    assert.isUndefined(NatPmp.decodeExternalAddress(mapped))
  })
})

describe("whatever a router says", () => {
  const bytes = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))), {
    maxLength: 64,
  })
  const opening = Arbitrary.schema(Schema.Literals(["", "0281", "028100", "0080", "0081", "00810000", "00800000"]))

  it.prop(
    "is read without a throw, and what is granted has a port and a lifetime",
    [opening, bytes],
    ([head, tail]) => {
      const all = new Uint8Array([...unhex(head), ...tail])
      const pcp = Pcp.decodeMap(all, request)
      if (typeof pcp === "object") assert.isTrue(pcp.external.port <= 65_535 && pcp.lifetime >= 0)
      const pmp = NatPmp.decodeMap(all, 5000)
      if (typeof pmp === "object") assert.isTrue(pmp.port <= 65_535 && pmp.lifetime >= 0)
      const address = NatPmp.decodeExternalAddress(all)
      if (address !== undefined && address !== "Refused") assert.match(address, /^\d+\.\d+\.\d+\.\d+$/)
    },
    { arbitrary: { runs: 1000, size: 64 } },
  )

  it("nobody is told of an endpoint that can be no host's", () => {
    for (const address of ["0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255"]) {
      assert.isFalse(Granted.isUsable({ address, port: 5000 }))
    }
    assert.isFalse(Granted.isUsable({ address: "203.0.113.5", port: 0 }))
    assert.isTrue(Granted.isUsable({ address: "203.0.113.5", port: 5000 }))
  })
})
