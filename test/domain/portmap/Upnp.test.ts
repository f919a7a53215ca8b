import { assert, describe, it } from "@effect/vitest"
import * as Upnp from "../../../src/domain/portmap/Upnp.ts"

const router = "192.168.1.1"

const answer = (location: string) =>
  `HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: urn:x\r\nLocation: ${location}\r\nUSN: uuid:1\r\n\r\n`

const service = (type: string, url: string) =>
  `<service><serviceType>${type}</serviceType><serviceId>x</serviceId><controlURL>${url}</controlURL></service>`

const wanIp = "urn:schemas-upnp-org:service:WANIPConnection:1"
const described = { address: router, port: 5000, path: "/root.xml" }

describe("the search", () => {
  it("finds the description where the router says it is", () => {
    assert.deepEqual(Upnp.location(answer("http://192.168.1.1:5000/root.xml"), router), described)
    assert.deepEqual(Upnp.location(answer("http://192.168.1.1"), router), { address: router, port: 80, path: "/" })
  })

  it("leads nowhere but to the router", () => {
    for (const url of [
      "http://192.168.1.2:5000/root.xml",
      "http://127.0.0.1/",
      "http://192.168.1.1@198.51.100.1/",
      "http://192.168.1.1.example.org/",
      "https://192.168.1.1/",
      "file:///etc/passwd",
      "http://192.168.1.1:0/",
      "http://192.168.1.1:65536/",
      "http://192.168.1.1/a b",
      `http://192.168.1.1/${"a".repeat(2000)}`,
      "",
    ]) {
      assert.isUndefined(Upnp.location(answer(url), router), url)
    }
    assert.isUndefined(Upnp.location(answer("http://192.168.1.1/").replace("200", "404"), router))
    assert.isUndefined(Upnp.location("NOTIFY * HTTP/1.1\r\nLocation: http://192.168.1.1/\r\n\r\n", router))
  })
})

describe("the description", () => {
  it("has the newest service that maps ports, with its place as a path or as a whole URL", () => {
    const two = wanIp.replace(/1$/, "2")
    const text = `<root>${service("urn:other", "/no")}${service(wanIp, "/one")}${service(two, "two")}</root>`
    assert.deepEqual(Upnp.control(text, described), { place: { ...described, path: "/two" }, service: two })
    const whole = service(wanIp, "http://192.168.1.1:49152/ctl")
    assert.deepEqual(Upnp.control(whole, described), {
      place: { address: router, port: 49_152, path: "/ctl" },
      service: wanIp,
    })
  })

  it("that sends us elsewhere, or says nothing, is none", () => {
    const bad = ["http://198.51.100.1/ctl", "/a b", "/\r\nHost: x", `/${"a".repeat(2000)}`, "", "//<b>"]
    for (const url of bad) assert.isUndefined(Upnp.control(service(wanIp, url), described), url)
    assert.isUndefined(Upnp.control("<service>".repeat(7000), described))
    assert.isUndefined(Upnp.control("", described))
  })
})

describe("actions", () => {
  it("map our port alone, never for ever, and give it back", () => {
    const internal = { address: "192.168.1.10", port: 5000 }
    const { header, body } = Upnp.addMapping(wanIp, { externalPort: 6000, internal, lifetime: 0 })
    assert.strictEqual(header, `"${wanIp}#AddPortMapping"`)
    assert.include(body, "<NewExternalPort>6000</NewExternalPort><NewProtocol>UDP</NewProtocol>")
    assert.include(body, "<NewInternalPort>5000</NewInternalPort><NewInternalClient>192.168.1.10</NewInternalClient>")
    assert.include(body, "<NewLeaseDuration>1</NewLeaseDuration>")
    assert.include(Upnp.deleteMapping(wanIp, 6000).body, "<NewExternalPort>6000</NewExternalPort>")
  })

  it("are answered with an address, or with what stands in the way", () => {
    const says = (address: string) => `<NewExternalIPAddress>${address}</NewExternalIPAddress>`
    assert.strictEqual(Upnp.externalAddress(says("203.0.113.5")), "203.0.113.5")
    for (const text of [says(""), says("router"), says("203.0.113.5<x>"), ""]) {
      assert.isUndefined(Upnp.externalAddress(text))
    }
    assert.isTrue(Upnp.isConflict("<errorCode>718</errorCode>"))
    assert.isFalse(Upnp.isConflict("<errorCode>725</errorCode>"))
  })
})
