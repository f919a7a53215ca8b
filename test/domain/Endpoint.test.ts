import { assert, describe, it } from "@effect/vitest"
import { isIPv4, isIPv6 } from "node:net"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Endpoint from "../../src/domain/Endpoint.ts"
import * as arbitraries from "./arbitraries.ts"

const canonical = (address: string) => Option.getOrUndefined(Endpoint.canonicalAddress(address))
const hostPort = (text: string, defaultPort?: number) =>
  Option.getOrUndefined(Option.map(Endpoint.parseHostPort(text, defaultPort), ({ host, port }) => [host, port]))

describe("a port", () => {
  it.each([
    ["1", 1],
    ["6969", 6969],
    ["65535", 65535],
    ["00080", 80],
  ])("is read from decimal digits: %s", (text, port) => {
    assert.strictEqual(Option.getOrUndefined(Endpoint.parsePort(text)), port)
  })

  it.each(["", "0", "65536", "99999", "000080", "-1", "+1", "1.0", "1e3", "0x50", " 1", "1 ", "1\n", "١", "NaN"])(
    "is nothing else: %j",
    (text) => assert.isTrue(Option.isNone(Endpoint.parsePort(text))),
  )

  it("is a whole number from 1 to 65535", () => {
    for (const port of [1, 65535]) assert.isTrue(Endpoint.isPort(port))
    for (const port of [0, 65536, 1.5, -1, Number.NaN, Infinity]) assert.isFalse(Endpoint.isPort(port))
  })
})

describe("an address", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["::1", "::1"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:0db8::0001", "2001:db8::1"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["64:ff9b::192.0.2.1", "64:ff9b::c000:201"],
    ["fe80::1%eth0", "fe80::1%eth0"],
  ])("has one text (RFC 5952): %s is %s", (written, text) => assert.strictEqual(canonical(written), text))

  it("of IPv4 that a dual-stack socket shows as IPv6 is IPv4", () => {
    assert.strictEqual(canonical("::ffff:192.0.2.1"), "192.0.2.1")
    assert.strictEqual(canonical("::FFFF:c000:0201"), "192.0.2.1")
  })

  it.each(
    [
      ["", "localhost", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4.", "1.2.3.-4", " 1.2.3.4", "1.2.3.4\n"],
      [
        "1::2::3",
        ":::",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "12345::",
        "g::",
        "::1%",
        "::1%a b",
        "1.2.3.4%eth0",
        "[::1]",
      ],
      ["0x7f.0.0.1", "2130706433", `::${"0".repeat(100)}`],
    ].flat(),
  )("is nothing else: %j", (text) => assert.isUndefined(canonical(text)))

  it.prop(
    "is read in every way of writing it, and its canonical text stays as it is",
    [arbitraries.writtenAddress],
    ([written]) => {
      const address = canonical(written)
      assert.isDefined(address)
      assert.strictEqual(canonical(address!), address)
      assert.isTrue(isIPv4(address!) || isIPv6(address!))
      assert.strictEqual(Endpoint.isIpv6(address!), isIPv6(address!))
      assert.isTrue(Schema.is(Endpoint.Address)(address))
    },
    arbitraries.thorough,
  )

  it.prop(
    "is what Node takes for one, and no other text",
    [arbitraries.text],
    ([text]) => {
      const address = canonical(text)
      if (address !== undefined) assert.isTrue(isIPv4(address) || isIPv6(address))
      if (address === undefined) assert.isFalse(isIPv4(text))
    },
    arbitraries.thorough,
  )
})

describe("an endpoint", () => {
  it("is shown with brackets around IPv6", () => {
    assert.strictEqual(Endpoint.format({ address: "192.0.2.1", port: 55000 }), "192.0.2.1:55000")
    assert.strictEqual(Endpoint.format({ address: "2001:db8::1", port: 55000 }), "[2001:db8::1]:55000")
    assert.strictEqual(Endpoint.formatHostPort("example.org", 6969), "example.org:6969")
  })

  it("is the same as another when address and port are", () => {
    const endpoint = { address: "192.0.2.1", port: 55000 }
    assert.isTrue(Endpoint.equals(endpoint, { ...endpoint }))
    assert.isFalse(Endpoint.equals(endpoint, { ...endpoint, port: 55001 }))
    assert.isFalse(Endpoint.equals(endpoint, { ...endpoint, address: "192.0.2.2" }))
  })

  it.prop(
    "is read back from what is shown",
    [arbitraries.endpoint],
    ([endpoint]) => assert.deepStrictEqual(hostPort(Endpoint.format(endpoint)), [endpoint.address, endpoint.port]),
    arbitraries.thorough,
  )
})

describe("HOST:PORT as a person types it", () => {
  it.each([
    ["example.org:80", "example.org", 80],
    ["example.org", "example.org", 6969],
    ["example.org.", "example.org", 6969],
    ["Chat.Example.ORG.:80", "chat.example.org", 80],
    ["localhost", "localhost", 6969],
    ["my_host-1:1", "my_host-1", 1],
    ["192.0.2.1", "192.0.2.1", 6969],
    ["192.0.2.1:80", "192.0.2.1", 80],
    ["[2001:DB8::1]:80", "2001:db8::1", 80],
    ["[2001:db8::1]", "2001:db8::1", 6969],
    ["::1", "::1", 6969],
    ["2001:db8::1", "2001:db8::1", 6969],
    ["fe80::1%eth0", "fe80::1%eth0", 6969],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8", 6969],
    ["::ffff:192.0.2.1", "192.0.2.1", 6969],
  ])("%s", (text, host, port) => assert.deepStrictEqual(hostPort(text, 6969), [host, port]))

  it("needs its port where there is no default", () => {
    assert.isUndefined(hostPort("example.org"))
    assert.isUndefined(hostPort("2001:db8::1"))
    assert.deepStrictEqual(hostPort("example.org:1"), ["example.org", 1])
  })

  it.each(
    [
      ["", ":", ":80", "a:", "a:0", "a:65536", "a:b", "a:1:2", "a b", "a b:1", "-a", ".a", "a..b", "a/b", "ü.example"],
      ["[", "[]", "[]:80", "[::1", "::1]", "[::1]80", "[::1]:", "[example.org]:80", "[::1]:80:90"],
      ["1.2.3", "1.2.3.4.5:80", "256.0.0.1", "example.org:80\n", `${"a".repeat(64)}:80`, `${"a.".repeat(127)}ab`],
    ].flat(),
  )("is nothing else: %j", (text) => assert.isUndefined(hostPort(text, 6969)))

  it.prop(
    "is read or refused, and what is read is read again from what is shown",
    [arbitraries.text],
    ([text]) => {
      const read = Option.getOrUndefined(Endpoint.parseHostPort(text, 6969))
      if (read === undefined) return
      assert.deepStrictEqual(hostPort(Endpoint.formatHostPort(read.host, read.port)), [read.host, read.port])
    },
    { arbitrary: { runs: 5000, size: 4 } },
  )
})
