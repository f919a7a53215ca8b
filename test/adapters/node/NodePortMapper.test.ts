/** Routers of our own making: PCP and NAT-PMP in the memory network, UPnP on this machine's loopback. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import * as Http from "node:http"
import { MemoryNetwork } from "../../../src/adapters/memory/MemoryNetwork.ts"
import { choose, defaultRouters } from "../../../src/adapters/node/Gateway.ts"
import * as NodePeerTransport from "../../../src/adapters/node/NodePeerTransport.ts"
import * as NodePortMapper from "../../../src/adapters/node/NodePortMapper.ts"
import { byUpnp, findControl } from "../../../src/adapters/node/RouterQuestions.ts"
import { PeerTransport } from "../../../src/services/PeerTransport.ts"

const router = "192.168.1.1"
const local = "192.168.1.10"

interface Behaviour {
  readonly pcp?: "grants" | "unsupported" | "refuses"
  readonly pmp?: boolean
  readonly address?: string
}

/** A router that answers as it is told, and writes down what it is asked for. */
const home = Effect.fnUntraced(function* ({ pcp, pmp = false, address = "203.0.113.5" }: Behaviour) {
  const network = yield* MemoryNetwork.make({ link: { latencyMillis: 2 } })
  const asked: Array<string> = []
  const gateway = yield* network.host({ address: router })
  const socket = yield* gateway.peerTransport.bind({ port: 5351 })
  const ip = address.split(".").map(Number)
  yield* socket.receive((bytes, from) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (bytes[0] === 2) {
      asked.push(`pcp ${view.getUint16(40)} for ${view.getUint32(4)}`)
      if (pcp === undefined) return
      if (pcp === "unsupported") return socket.send(Uint8Array.of(0, 129, 0, 1, 0, 0, 0, 0), from)
      const answer = bytes.slice()
      answer[1] = 0x81
      answer[3] = pcp === "refuses" ? 2 : 0
      answer.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...ip], 44)
      return socket.send(answer, from)
    }
    if (!pmp) return
    if (bytes[1] === 0) return socket.send(Uint8Array.of(0, 128, 0, 0, 0, 0, 0, 1, ...ip), from)
    asked.push(`pmp ${view.getUint16(4)} for ${view.getUint32(8)}`)
    const answer = new Uint8Array(16)
    answer.set([0, 129])
    answer.set(bytes.subarray(4, 12), 8)
    socket.send(answer, from)
  })
  const host = yield* network.host({ address: local })
  const mapper = yield* NodePortMapper.make(Effect.succeed([{ router, local }])).pipe(
    Effect.provideService(PeerTransport, host.peerTransport),
  )
  return { asked, mapper }
})

/** What becomes of asking for port 5000, and how the router was asked by the end of the scope and of `millis`. */
const ask = Effect.fnUntraced(function* (behaviour: Behaviour, millis = 4000) {
  const { asked, mapper } = yield* home(behaviour)
  const outcome = yield* Effect.forkChild(
    Effect.scoped(Effect.tap(Effect.result(mapper.map(5000)), () => Effect.sleep(millis - 4000))),
  )
  yield* TestClock.adjust(millis)
  yield* TestClock.adjust(4000)
  const result = yield* Fiber.join(outcome)
  return [result._tag === "Success" ? result.success : result.failure.reason, asked] as const
})

const granted = { address: "203.0.113.5", port: 5000 }

describe("a router", () => {
  it.effect("that speaks PCP maps our port for an hour, and gets it back at the end", () =>
    Effect.gen(function* () {
      assert.deepEqual(yield* ask({ pcp: "grants" }), [granted, ["pcp 5000 for 3600", "pcp 5000 for 0"]])
    }),
  )

  it.effect("is asked again at half of the time", () =>
    Effect.gen(function* () {
      const [, asked] = yield* ask({ pcp: "grants" }, 3_700_000)
      assert.deepEqual(asked, [...Array<string>(3).fill("pcp 5000 for 3600"), "pcp 5000 for 0"])
    }),
  )

  it.effect("that speaks NAT-PMP is asked by that", () =>
    Effect.gen(function* () {
      const expected = ["pcp 5000 for 3600", "pmp 5000 for 3600", "pmp 5000 for 0"]
      assert.deepEqual(yield* ask({ pcp: "unsupported", pmp: true }), [granted, expected])
    }),
  )

  it.effect("that says nothing, or no, is let be in a few seconds", () =>
    Effect.gen(function* () {
      assert.deepEqual(yield* ask({}), ["NoAnswer", Array<string>(3).fill("pcp 5000 for 3600")])
      assert.strictEqual((yield* ask({ pcp: "refuses" }))[0], "Refused")
    }),
  )

  it.effect("without an address of its own gets the mapping back at once", () =>
    Effect.gen(function* () {
      const [outcome, asked] = yield* ask({ pcp: "grants", address: "0.0.0.0" })
      assert.deepEqual([outcome, asked], ["NoAddress", ["pcp 5000 for 3600", "pcp 5000 for 0"]])
    }),
  )
})

const address = "<NewExternalIPAddress>203.0.113.5</NewExternalIPAddress>"

const pages: Readonly<Record<string, string>> = {
  "/huge.xml": "x".repeat(200_000),
  "/root.xml":
    "<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>" +
    "<controlURL>/ctl</controlURL></service>",
}

const upnp = Effect.acquireRelease(
  Effect.callback<{ readonly port: number; readonly asked: Array<string>; readonly server: Http.Server }>((resume) => {
    const asked: Array<string> = []
    const server = Http.createServer((request, response) => {
      let body = ""
      request.on("data", (piece) => (body += piece))
      request.on("end", () => {
        const action = /#(\w+)"/.exec(String(request.headers.soapaction))?.[1] ?? request.url ?? ""
        const port = /<NewExternalPort>(\d+)</.exec(body)?.[1] ?? ""
        asked.push(`${action} ${port}`.trim())
        const isTaken = action === "AddPortMapping" && port === "5000"
        response.statusCode = isTaken ? 500 : 200
        response.end(isTaken ? "<errorCode>718</errorCode>" : (pages[request.url ?? ""] ?? address))
      })
    })
    server.listen(0, "127.0.0.9", () => {
      const { port } = server.address() as { readonly port: number }
      resume(Effect.succeed({ port, asked, server }))
    })
  }),
  ({ server }) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void))),
)

describe("a UPnP router", () => {
  it.live("maps another port where ours is taken, gives it back, and is not read without end", () =>
    Effect.gen(function* () {
      const { port, asked } = yield* upnp
      const gateway = { router: "127.0.0.9", local: "127.0.0.1" }
      let path = "/root.xml"
      const { bind } = yield* PeerTransport
      const answering = yield* bind({ port: 1900, address: gateway.router })
      yield* answering.receive((_, from) =>
        answering.send(
          new TextEncoder().encode(`HTTP/1.1 200 OK\r\nLOCATION: http://127.0.0.9:${port}${path}\r\n\r\n`),
          from,
        ),
      )
      const control = Effect.succeed(yield* findControl(gateway))
      const nonce = new Uint8Array(12).fill(9)
      const wish = { gateway, internalPort: 5000, suggestedPort: 5000, lifetime: 3600, nonce, control }
      const outcome = yield* byUpnp(wish)
      const other = 1024 + 9 * 257
      assert.deepEqual(outcome, { external: { address: "203.0.113.5", port: other }, lifetime: 3600 })
      yield* byUpnp({ ...wish, suggestedPort: other, lifetime: 0 })
      assert.deepEqual(asked, [
        "/root.xml",
        "GetExternalIPAddress",
        "AddPortMapping 5000",
        `AddPortMapping ${other}`,
        `DeletePortMapping ${other}`,
      ])
      path = "/huge.xml"
      assert.isUndefined(yield* findControl(gateway))
    }).pipe(Effect.scoped, Effect.provide(NodePeerTransport.layer)),
  )
})

describe("the router that we send through", () => {
  it("is the one of the default route with the lowest metric", () => {
    const table = [
      "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT",
      "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0",
      "eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0",
      "eth0\t0000000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0",
      "",
    ].join("\n")
    assert.deepEqual(defaultRouters(table), ["10.0.0.1", "192.168.1.1"])
    assert.deepEqual(defaultRouters("what\never"), [])
  })

  it("is asked from our address in its network; without a table it is guessed in private networks", () => {
    const own = [
      { address: "203.0.113.7", netmask: "255.255.255.0" },
      { address: "192.168.1.10", netmask: "255.255.255.0" },
    ]
    assert.deepEqual(choose([router], own), [{ router, local }])
    assert.deepEqual(choose(undefined, own), [{ router, local }])
    assert.deepEqual(choose([router], []), [])
    assert.deepEqual(choose(undefined, [{ address: router, netmask: "255.255.255.0" }]), [])
  })
})
