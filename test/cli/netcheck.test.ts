/**
 * `nomitm netcheck` as scripts and people run it.
 */
import { describe, expect, it } from "vitest"
import { addresses, folder, freePort, run } from "./Program.ts"
import { SealedServer } from "./Sealed.ts"
import { missing, Terminal } from "./Terminal.ts"

const check = (server: string, home: string, ...args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const own = ["--server", server, "--home", home, "--bind", addresses.alice]
  return ["netcheck", ...own, ...args]
}

describe.concurrent("nomitm netcheck", () => {
  it("tells a person in words, and a script as JSON, what the network does; exit code 0 if UDP passes", async () => {
    await using server = await SealedServer.start()
    const home = folder()
    const inWords = await run(check(server.url, home))
    expect(inWords).toMatchObject({ code: 0, stderr: "" })
    const [first, udp, nat, ...rest] = inWords.stdout.split("\n")
    expect(first).toMatch(`* ${server.address} sees you at ${addresses.alice}:`)
    expect(udp).toMatch(/^ {2}UDP {11}passes \(2 of 2 lookups answered, \S+ ms there and back\)$/)
    expect(nat).toMatch(/^ {2}NAT /)
    expect(rest.slice(1)).toContain(
      "* The server is on this machine: it can't see what a NAT in front of it does to calls. Ask a server elsewhere.",
    )
    const asJson = await run(check(server.url, home, "--json"))
    expect(asJson).toMatchObject({ code: 0, stderr: "" })
    expect(JSON.parse(asJson.stdout)).toMatchObject({
      event: "netcheck",
      server: server.address,
      udp: "passes",
      answered: 2,
      asked: 2,
      keeps_ports: true,
      port_mapping: "",
    })
  })

  it("needs a server that is trusted, as a peer does: a pin, or a key that is remembered; exit code 4 without", async () => {
    await using server = await SealedServer.start()
    await using other = await SealedServer.start()
    const home = folder()
    const unknown = await run(check(server.address, home, "--json"))
    expect(unknown.code).toBe(4)
    expect(JSON.parse(unknown.stdout)).toMatchObject({ event: "error", code: "Server_unknown" })
    expect(await run(check(server.url, home))).toMatchObject({ code: 0 })
    // The key that its address named is remembered.
    expect(await run(check(server.address, home))).toMatchObject({ code: 0 })
    const wrong = await run(check(`nomitm://${other.address}#${server.pin}`, home))
    expect(wrong).toMatchObject({ code: 4, stdout: "" })
    expect(wrong.stderr).toContain("nomitm: ")
  })

  it("where nothing listens: exit code 3, and what to check", async () => {
    const nobody = `127.0.0.1:${await freePort("127.0.0.1")}`
    const home = folder()
    expect(await run(check(nobody, home))).toEqual({
      code: 3,
      stdout: "",
      stderr: `nomitm: Nothing listens at ${nobody}. Check the port, and that a server runs there: nomitm server.\n`,
    })
  })
})

describe.skipIf(missing !== undefined)("nomitm netcheck at a terminal", () => {
  it("asks once about a server that is not known", async () => {
    await using server = await SealedServer.start()
    const home = folder()
    {
      await using alice = new Terminal(check(server.address, home))
      await alice.endsWith("Is that what the server printed when it started? (yes/no)")
      alice.enter("no")
      expect(await alice.exit()).toEqual({ code: 4, restored: true })
    }
    {
      await using alice = new Terminal(check(server.address, home))
      await alice.endsWith("Is that what the server printed when it started? (yes/no)")
      alice.enter("yes")
      await alice.shows("* The server is on this machine")
      expect(await alice.exit()).toEqual({ code: 0, restored: true })
    }
    await using alice = new Terminal(check(server.address, home))
    expect(await alice.exit()).toEqual({ code: 0, restored: true })
    expect(alice.output).not.toContain("(yes/no)")
  })
})
