import { describe, expect, it } from "vitest"
import manifest from "nomitm/package.json" with { type: "json" }
import { anyUdpPorts, folder, freePort, run, Server } from "./Program.ts"

describe.concurrent("how the command is used", () => {
  it.each(["--help", "server --help", "peer --help", "netcheck --help"])(
    "%s is answered on standard output",
    async (words) => {
      const { code, stdout, stderr } = await run(words.split(" "))
      expect(code).toBe(0)
      expect(stdout).toContain("USAGE\n  nomitm")
      expect(stderr).toBe("")
    },
  )

  it("--version says which", async () => {
    expect(await run(["--version"])).toEqual({ code: 0, stdout: `nomitm v${manifest.version}\n`, stderr: "" })
  })

  it.each([
    { args: [], says: "A command is missing." },
    { args: ["pear"], says: "There is no command pear. Did you mean peer?" },
    { args: ["--nope"], says: "There is no flag --nope." },
    { args: ["peer"], says: "The name is missing." },
    { args: ["peer", "alice"], says: "Say how to reach others: --server HOST, or --direct HOST:PORT." },
    { args: ["peer", "alice", "--sever", "x"], says: "There is no flag --sever. Did you mean --server?" },
    { args: ["peer", "alice", "--server"], says: "--server needs a value: ADDRESS." },
    {
      args: ["peer", "alice", "--server", "a:b:c"],
      says: "--server a:b:c: not HOST, HOST:PORT or nomitm://HOST:PORT#PIN.",
    },
    { args: ["peer", "alice", "--direct", "host"], says: "--direct host: not HOST:PORT." },
    { args: ["peer", "alice", "--server", "h", "--direct", "h:1"], says: "Give --direct, or a server, not both." },
    {
      args: ["peer", "alice", "--server", "h", "--port", "5"],
      says: "--port goes with --direct; through a server the port is agreed on.",
    },
    {
      args: ["peer", "a b", "--server", "h"],
      says: "A name must not contain blanks, control characters or invisible characters.",
    },
    { args: ["peer", "alice", "bob", "--server", "h"], says: "bob is more than it takes." },
    { args: ["peer", "alice", "--bind", "here", "--server", "h"], says: "--bind here: not an IPv4 or IPv6 address." },
    {
      args: ["peer", "alice", "--server", "nomitm://h#short"],
      says: "--server nomitm://h#short: its pin is not whole. Copy the address from nomitm:// to its end.",
    },
    {
      args: ["peer", "alice", "--server", "nomitm://h/#1.AAAA"],
      says: "--server nomitm://h/#1.AAAA: that is an invitation. Use it with --join LINK.",
    },
    {
      args: ["peer", "alice", "--join", "nomitm://h/#1.AAAA"],
      says: "--join: this is no whole invitation. Copy the link from nomitm:// to its end, in quotes.",
    },
    { args: ["peer", "alice", "--server", "h", "--dialect", "original"], says: "--dialect goes with --plaintext." },
    { args: ["server", "--dialect", "original"], says: "--dialect goes with --plaintext." },
    {
      args: ["peer", "alice", "--server", "h", "--plaintext", "--accept", "ask"],
      says: "--accept and --unlisted go with keys: leave --plaintext out.",
    },
    {
      args: ["peer", "alice", "--server", "h", "--accept", "all"],
      says: "--accept all: not ask or contacts or invited or anyone.",
    },
    {
      args: ["peer", "alice", "--server", "h", "--relay", "maybe"],
      says: "--relay maybe: not auto or never or always.",
    },
    {
      args: ["peer", "alice", "--server", "h", "--plaintext", "--relay", "auto"],
      says: "--relay goes with keys: in plaintext nothing is relayed. Leave one of both out.",
    },
    {
      args: ["peer", "alice", "--direct", "h:1", "--relay", "never"],
      says: "--relay goes with a server: --direct has none that could relay.",
    },
    { args: ["netcheck"], says: "Say at which server: --server ADDRESS." },
    { args: ["netcheck", "alice", "--server", "h"], says: "alice is more than it takes." },
    {
      args: ["peer", "alice", "--direct", "h:1#id", "--plaintext"],
      says: "--direct: an id proves nothing in plaintext. Leave one of both out.",
    },
    { args: ["peer", "аlice", "--server", "h"], says: "A name must not mix letters of several scripts." },
    { args: ["server", "--tls-cert", "x"], says: "--tls-cert and --tls-key go together." },
    { args: ["server", "--port", "70000"], says: "--port 70000: not a port number from 0 to 65535." },
    { args: ["server", "--port", "1e3"], says: "--port 1e3: not a whole number." },
    { args: ["server", "--dialect", "old"], says: "--dialect old: not readme or original." },
    { args: ["server", "--max-connections", "0"], says: "--max-connections 0: not a number of at least 1." },
    {
      args: ["server", "--udp-ports", "6969"],
      says: "--udp-ports 6969: not two different port numbers, as in 6969,6970.",
    },
    {
      args: ["server", "--udp-ports", "7,7"],
      says: "--udp-ports 7,7: not two different port numbers, as in 6969,6970.",
    },
    { args: ["server", "--relay-rate", "-1"], says: "--relay-rate -1: not a number of at least 0." },
    {
      args: ["server", "--alt-host", "192.0.2.2"],
      says: "--alt-host goes with --bind ADDRESS: the server needs one address and another.",
    },
    {
      args: ["server", "--bind", "192.0.2.2", "--alt-host", "192.0.2.2"],
      says: "--alt-host must be another address than that of --bind.",
    },
    { args: ["server", "--bind", "\u001b[2J"], says: "--bind [2J: not an IPv4 or IPv6 address." },
  ])("a mistake is answered in two lines on standard error: $says", async ({ args, says }) => {
    const { code, stdout, stderr } = await run(args)
    const subject = ["server", "peer", "netcheck"].find((name) => name === args[0])
    expect(stderr).toBe(
      `nomitm: ${says}\nType nomitm ${subject === undefined ? "" : `${subject} `}--help for its use.\n`,
    )
    expect(stdout).toBe("")
    expect(code).toBe(2)
  })

  it("NOMITM_SERVER names the server", async () => {
    await using server = await Server.start()
    const env = { NOMITM_SERVER: server.address }
    const { code, stdout } = await run(["peer", "alice", "--plaintext"], { env })
    expect(stdout).toBe("* You are online as alice. /list shows who else is, /help what you can type.\n")
    expect(code).toBe(0)
    const mistake = await run(["peer", "alice"], { env: { NOMITM_SERVER: "a:b:c" } })
    expect(mistake.stderr).toContain("nomitm: NOMITM_SERVER a:b:c: not HOST, HOST:PORT or nomitm://HOST:PORT#PIN.\n")
    expect(mistake.code).toBe(2)
  })

  it("nobody at the server's address: exit code 3, and what to check", async () => {
    const address = `127.0.0.1:${await freePort("127.0.0.1")}`
    const inWords = await run(["peer", "alice", "--plaintext", "--server", address])
    expect(inWords).toEqual({
      code: 3,
      stdout: "",
      stderr: `! Nothing listens at ${address}. Check the port, and that a server runs there: nomitm server.\n`,
    })
    const asJson = await run(["peer", "alice", "--plaintext", "--server", address, "--json"])
    expect(JSON.parse(asJson.stdout)).toMatchObject({ event: "error", code: "Unreachable" })
    expect(asJson).toMatchObject({ code: 3, stderr: "" })
  })

  it("a server whose port is in use says so and exits with 1", async () => {
    await using server = await Server.start()
    const [, port = ""] = server.address.split(":")
    const args = ["server", "--bind", "127.0.0.1", "--port", port, ...anyUdpPorts, "--data", folder()]
    expect(await run(args)).toEqual({
      code: 1,
      stdout: "",
      stderr: `nomitm: TCP port ${port} is in use at 127.0.0.1. Stop the other program, or choose another with --port.\n`,
    })
    const { code, stdout } = await run([...args, "--json"])
    expect(JSON.parse(stdout)).toMatchObject({ event: "error", code: "Port_in_use" })
    expect(code).toBe(1)
  })

  it("a server whose UDP port is in use says which, and what to do", async () => {
    await using server = await Server.start()
    const [first, second] = server.events.find(({ event }) => event === "listening")!.udp as ReadonlyArray<number>
    const own = ["server", "--bind", "127.0.0.1", "--port", "0", "--data", folder()]
    const { code, stderr } = await run([...own, "--udp-ports", `${second},${first}`])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        `nomitm: UDP port ${second} is in use at 127.0.0.1. ` +
        "Stop the other program, or choose others with --udp-ports, or with --port for TCP and UDP.\n",
    })
  })

  it("an address of another machine can't be listened at", async () => {
    const { code, stderr } = await run(["server", "--bind", "192.0.2.1", "--port", "0", "--data", folder()])
    expect(stderr).toBe("nomitm: 192.0.2.1 is no address of this machine. Give one with --bind.\n")
    expect(code).toBe(1)
  })

  it("a peer can't be bound to an address of another machine", async () => {
    await using server = await Server.start()
    const args = ["--plaintext", "--server", server.address, "--bind", "192.0.2.1"]
    const { code, stderr } = await run(["peer", "alice", ...args])
    expect(stderr).toContain("The local address given with --bind can't be used")
    expect(code).toBe(3)
  })
})
