import { once } from "node:events"
import { connect as connectTcp } from "node:net"
import { text } from "node:stream/consumers"
import { describe, expect, it } from "vitest"
import { connect, folder, Program, Server } from "./Program.ts"

describe.concurrent("a server", () => {
  it.each(["SIGINT", "SIGTERM"] as const)(
    "on %s tells its clients, lets them read it, and exits with 130",
    async (signal) => {
      await using server = await Server.start()
      const [host, port] = server.address.split(":")
      const client = connectTcp(Number(port), host)
      client.write("HELLO\nREGISTER old\n")
      await server.event("registered", { name: "old" })
      await using alice = await server.peer("alice")
      server.signal(signal)
      expect(await text(client)).toBe("HELLO\nREGISTER old OK\nERROR Shutting_down\n")
      expect(await server.exit).toBe(130)
      expect(server.stderr).toBe("")
      await alice.event("error", { code: "Server_lost" })
      alice.type("/list")
      await alice.event("error", { code: "Offline" })
    },
  )

  it("that is killed and started again is found again, and a chat goes on all the time", async () => {
    const server = await Server.start()
    await using alice = await server.peer("alice")
    await using bob = await server.peer("bob")
    await connect(alice, bob)
    server.signal("SIGKILL")
    await server.exit
    await alice.event("error", { code: "Server_lost" })
    await bob.event("error", { code: "Server_lost" })
    alice.type("without a server")
    await bob.event("message", { text: "without a server" })
    const [, port = ""] = server.address.split(":")
    await using second = await Server.start("--port", port)
    await Promise.all([alice.event("registered"), bob.event("registered")])
    bob.type("with a new one")
    await alice.event("message", { text: "with a new one" })
    alice.type("/list")
    await alice.event("users", { users: ["bob"] })
    alice.end()
    expect(await alice.exit).toBe(0)
    await bob.event("closed", { reason: "closed_by_peer" })
    await second.event("left", { name: "alice" })
  })

  it("says in words where it listens, and logs to standard error", async () => {
    const flags = ["--plaintext", "--data", folder(), "--log-level", "debug"]
    await using server = new Program(["server", "--bind", "127.0.0.1", "--port", "0", ...flags])
    await server.prints("#")
    const words =
      /^Listening at 127\.0\.0\.1:(\d+), over TLS and in plaintext\. Ctrl-C stops\.\nLookups at UDP ports \d+ and \d+\.\nIts address, to be passed on whole:\n  nomitm:\/\/127\.0\.0\.1:\1#[\w-]{43}\n$/
    const [, port] = words.exec(server.stdout)!
    const client = connectTcp(Number(port), "127.0.0.1")
    client.end("HELLO\nREGISTER alice\n")
    await text(client)
    await server.until("the log", () => server.stderr.includes("left") || undefined)
    expect(server.stderr).toContain("registered")
    expect(server.lines).toHaveLength(4)
  })

  it("listens at IPv6 and IPv4 at once with --bind ::", async () => {
    const flags = ["--plaintext", "--data", folder(), "--json"]
    await using server = new Program(["server", "--bind", "::", "--port", "0", ...flags])
    const { port } = await server.event("listening")
    for (const address of ["127.0.0.1", "::1"]) {
      const client = connectTcp(port as number, address)
      client.end("HELLO\n")
      expect(await text(client)).toBe("HELLO\n")
    }
  })

  it("goes on though nobody reads what it prints", async () => {
    await using server = await Server.start()
    server.child.stdout.destroy()
    await using alice = await server.peer("alice")
    await using bob = await server.peer("bob")
    await connect(alice, bob)
    server.signal("SIGTERM")
    expect((await once(server.child, "exit"))[0]).toBe(130)
  })
})
