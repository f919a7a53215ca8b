/**
 * `nomitm server` over TLS, and what becomes of its peers when it changes or goes.
 */
import { copyFileSync, existsSync, renameSync, writeFileSync } from "node:fs"
import { createHash, generateKeyPairSync, X509Certificate } from "node:crypto"
import { hostname } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as SelfSigned from "../../src/adapters/node/SelfSigned.ts"
import { addresses, anyUdpPorts, folder, Program, run } from "./Program.ts"
import { call, Homes, online, pastServer, reach, SealedServer } from "./Sealed.ts"

/** A key and its certificate in PEM, and the pin that follows from them. */
const certificate = () => {
  const { privateKey } = generateKeyPairSync("ed25519")
  const pem = SelfSigned.make(privateKey)
  const spki = new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" })
  return {
    certificate: pem,
    key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    pin: createHash("sha256").update(spki).digest("base64url"),
  }
}

describe.concurrent("a server over TLS", () => {
  it("prints the address that it listens at, or the machine's name where that is all of them, as its help says", async () => {
    for (const [bind, host] of [
      [addresses.server, addresses.server],
      ["0.0.0.0", hostname()],
    ] as const) {
      const args = ["server", "--bind", bind, "--port", "0", ...anyUdpPorts, "--data", folder(), "--json"]
      await using server = new Program(args)
      const { port, url } = await server.event("listening")
      expect(url).toMatch(`nomitm://${host}:${String(port)}#`)
    }
    const { stdout } = await run(["server", "--help"])
    expect(stdout).toContain("(default: the address of --bind; the machine's name for 0.0.0.0 and ::)")
  })

  it("that is killed and started again: a chat goes on, everybody is back, and names still have their owners", async () => {
    const homes = new Homes()
    const server = await SealedServer.start()
    await using alice = await online(server.url, homes, "alice")
    await using bob = await online(server.url, homes, "bob", "--accept", "anyone")
    await call(alice, bob, ["alice", "bob"])
    await pastServer(alice, bob)
    server.signal("SIGKILL")
    await server.exit
    await Promise.all([alice, bob].map((peer) => peer.event("error", { code: "Server_lost" })))
    alice.type("without a server")
    await bob.event("message", { from: "alice", text: "without a server" })
    // Nobody is there to call anybody by; what is between the two needs nobody.
    alice.type("/list", "/verify")
    await alice.event("error", { code: "Offline" })
    const { words } = await alice.event("sas", { peer: "bob" })
    await bob.event("sas", { peer: "alice", words })

    await using second = await SealedServer.start(server)
    expect(second.url).toBe(server.url)
    await Promise.all([alice.event("registered"), bob.event("registered")])
    bob.type("with it again")
    await alice.event("message", { from: "bob", text: "with it again" })
    alice.type("/list")
    await alice.event("users", { users: ["bob"] })
    const thief = await run(["peer", "bob", "--server", second.url, "--home", folder(), "--json"])
    expect(JSON.parse(thief.stdout)).toMatchObject({ event: "error", code: "Name_owned" })
    alice.type("/close")
    await bob.event("closed", { reason: "closed_by_peer" })
    // Each is a contact of the other by now.
    await call(bob, alice, ["bob", "alice"])
  })

  it("says goodbye with SIGTERM, and exits with 130", async () => {
    await using server = await SealedServer.start()
    await using alice = await online(server.url, new Homes(), "alice")
    server.signal("SIGTERM")
    expect(await server.exit).toBe(130)
    expect(server.stderr).toBe("")
    await alice.event("error", { code: "Server_lost" })
  })

  it("whose key has changed is refused, by who was online, too: exit code 4, and both fingerprints", async () => {
    const homes = new Homes()
    const server = await SealedServer.start()
    await using alice = await online(server.url, homes, "alice")
    await using carol = await online(server.url, homes, "carol", "--accept", "anyone")
    await call(alice, carol, ["alice", "carol"])
    await pastServer(alice, carol)
    // Remembered from the pinned address.
    const again = await run(reach(server.address, homes, "bob", "--json"))
    expect(again.code).toBe(4)
    expect(await run(reach(server.url, homes, "bob", "--json"))).toMatchObject({ code: 0 })
    expect(await run(reach(server.address, homes, "bob", "--json"))).toMatchObject({ code: 0 })

    server.signal("SIGKILL")
    await server.exit
    await using other = await SealedServer.start({ port: server.port })
    expect(other.pin).not.toBe(server.pin)
    const { message: mismatch } = await alice.event("error", { code: "Server_pin_mismatch" })
    for (const pin of [server.pin, other.pin]) expect(mismatch).toContain(pin)
    await carol.event("error", { code: "Server_pin_mismatch" })
    // Whoever sits between them and the server does not sit between them.
    alice.type("this server is another one")
    await carol.event("message", { from: "alice", text: "this server is another one" })
    alice.type("/close")
    expect(await Promise.all([alice.exit, carol.exit])).toEqual([4, 4])

    const { code, stdout, stderr } = await run(reach(server.address, homes, "bob"))
    expect({ code, stdout }).toEqual({ code: 4, stdout: "" })
    expect(stderr).toContain(`it was ${server.pin}, and now it is ${other.pin}. Somebody may be in the middle.`)
    // Whoever has the new address from whoever runs it goes there.
    expect(await run(reach(other.url, homes, "bob", "--json"))).toMatchObject({ code: 0 })
    await other.event("left", { name: "bob" })
    expect(other.events.map(({ event }) => event).filter((event) => event === "registered")).toHaveLength(1)
  })

  it("has nothing for plaintext but a word; with --plaintext it serves both, apart from each other", async () => {
    const args = (server: SealedServer, ...more: ReadonlyArray<string>) =>
      ["peer", "carol", "--plaintext", "--server", server.address].concat(more)
    await using strict = await SealedServer.start()
    const refused = await run(args(strict, "--json"))
    expect(JSON.parse(refused.stdout)).toMatchObject({ event: "error", code: "Tls_required" })
    expect(refused.code).toBe(1)
    expect((await run(args(strict))).stderr).toBe("! This server speaks only over TLS. Leave --plaintext out.\n")

    await using both = await SealedServer.start({}, "--plaintext")
    await using alice = await online(both.url, new Homes(), "alice", "--accept", "anyone")
    await using carol = new Program(args(both, "--json"))
    await carol.event("registered", { name: "carol" })
    alice.type("/list", "/chat carol")
    await alice.event("users", { users: [] })
    await alice.event("error", { code: "User_not_online" })
    carol.type("/list", "/accept", "/verify", "/chat alice")
    await carol.event("users", { users: [] })
    for (const code of ["Needs_keys", "Needs_keys", "User_not_online"]) await carol.event("error", { code })
    const thief = await run(["peer", "alice", "--plaintext", "--server", both.address, "--json"])
    expect(JSON.parse(thief.stdout)).toMatchObject({ event: "error", code: "User_exists" })
  })

  it("reads --tls-cert and --tls-key again at SIGHUP: new connections see the new key, old ones stay", async () => {
    const files = folder()
    const [certFile, keyFile] = [join(files, "cert.pem"), join(files, "key.pem")]
    /** Both at once, as programs that renew certificates do. */
    const put = (pair: ReturnType<typeof certificate>): void => {
      for (const [file, pem] of [
        [certFile, pair.certificate],
        [keyFile, pair.key],
      ] as const) {
        writeFileSync(`${file}.new`, pem, { mode: 0o600 })
        renameSync(`${file}.new`, file)
      }
    }
    const [first, second] = [certificate(), certificate()]
    put(first)
    await using server = await SealedServer.start({}, "--tls-cert", certFile, "--tls-key", keyFile)
    expect(server.pin).toBe(first.pin)
    expect(existsSync(join(server.data, "server-key.pem"))).toBe(false)
    const homes = new Homes()
    await using alice = await online(server.url, homes, "alice", "--accept", "anyone")

    put(second)
    server.signal("SIGHUP")
    await server.until("that they were read", () => /were read again/.test(server.stderr) || undefined)
    const old = await run(reach(server.url, homes, "bob", "--json"))
    expect(JSON.parse(old.stdout)).toMatchObject({ event: "error", code: "Server_pin_mismatch" })
    const url = `nomitm://${server.address}#${first.pin},${second.pin}`
    await using bob = await online(url, homes, "bob")
    bob.type("/chat alice")
    await alice.event("connected", { peer: "bob" })

    // What can't be used changes nothing.
    writeFileSync(certFile, first.certificate)
    server.signal("SIGHUP")
    await server.until("that they were not", () => /stay as they were/.test(server.stderr) || undefined)
    expect(await run(reach(url.replace(`${first.pin},`, ""), homes, "carol", "--json"))).toMatchObject({ code: 0 })
    server.signal("SIGTERM")
    expect(await server.exit).toBe(130)
  })

  it("has its key from its folder, and takes none that others could have read", async () => {
    await using server = await SealedServer.start()
    const copy = folder()
    copyFileSync(join(server.data, "server-key.pem"), join(copy, "server-key.pem"))
    {
      await using again = await SealedServer.start({ data: copy })
      expect(again.pin).toBe(server.pin)
    }
    const open = folder()
    writeFileSync(join(open, "server-key.pem"), "", { mode: 0o644 })
    const args = ["server", "--bind", addresses.server, "--port", "0", "--data", open]
    const { code, stdout, stderr } = await run(args)
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" })
    expect(stderr).toMatch(/^nomitm: .*server-key\.pem.*\n$/)
  })
})
