/**
 * `nomitm id`, `contacts` and `invite` as people and scripts run them.
 */
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Result from "effect/Result"
import { afterAll, describe, expect, it } from "vitest"
import * as Invitation from "../../src/domain/call/Invitation.ts"
import * as KnownServerList from "../../src/domain/KnownServerList.ts"
import { addresses, Program, run } from "./Program.ts"

const folder = Fs.mkdtempSync(join(tmpdir(), "nomitm-cli-profile-"))
afterAll(() => Fs.rmSync(folder, { recursive: true }))

let count = 0
const newHome = () => join(folder, `home${count++}`)
/** Somebody's id: any 32 bytes can be one. */
const newId = () => randomBytes(32).toString("base64url")

const person = (home: string, env: Readonly<Record<string, string>> = {}) => ({
  home,
  run: (args: ReadonlyArray<string>, input = "") => run(args, { env: { NOMITM_HOME: home, ...env }, input }),
  json: async (...args: ReadonlyArray<string>) => {
    const { stdout } = await run([...args, "--json"], { env: { NOMITM_HOME: home, ...env } })
    return JSON.parse(stdout)
  },
})

describe("nomitm id", () => {
  it("makes the keys at first start, and shows the same ones ever after", async () => {
    const alice = person(newHome())
    const first = await alice.run(["id"])
    expect(first.stdout).toMatch(
      /^id {11}[\w-]{43}\nfingerprint {2}([a-z2-7]{4}-){7}[a-z2-7]{4}\nnames {8}none used yet\nprofile {6}.*home\d+\n$/,
    )
    expect(first).toMatchObject({ code: 0, stderr: "" })
    expect(await alice.run(["id"])).toEqual(first)
    const { id, ...more } = await alice.json("id")
    expect(first.stdout).toContain(id)
    expect(more).toMatchObject({ event: "identity", names: [], home: alice.home, passphrase: false })
  })

  it("--home goes before NOMITM_HOME; without both it is in the XDG data directory", async () => {
    const [one, other, data] = [newHome(), newHome(), newHome()]
    await run(["id", "--home", one], { env: { NOMITM_HOME: other } })
    expect([Fs.existsSync(one), Fs.existsSync(other)]).toEqual([true, false])
    await run(["id"], { env: { XDG_DATA_HOME: data } })
    expect(Fs.existsSync(join(data, "nomitm/identity"))).toBe(true)
  })

  it("gives recovery words that bring the same person back elsewhere, and never over somebody", async () => {
    const [alice, again] = [person(newHome()), person(newHome())]
    const { id } = await alice.json("id")
    const { stdout: words } = await alice.run(["id", "--words"])
    expect(words.trim().split(" ")).toHaveLength(24)
    expect((await alice.json("id", "--words")).words).toEqual(words.trim().split(" "))

    const numbered = words
      .trim()
      .split(" ")
      .map((word, i) => `${i + 1}. ${word.toUpperCase()}`)
    const restored = await again.run(["id", "--restore"], `${numbered.join("\n")}\n`)
    expect(restored.code).toBe(0)
    expect((await again.json("id")).id).toBe(id)

    const twice = await again.run(["id", "--restore"], words)
    expect(twice.stderr).toMatch(/There is an identity at .* already\./)
    expect(twice.code).toBe(1)
  })

  it.each([
    ["abandon ".repeat(23), /23 words; there are 24/],
    ["abandon ".repeat(24), /don't belong together/],
    ["x".repeat(100_000), /1 words; there are 24/],
  ])("tells what is wrong with words that are none", async (words, why) => {
    const home = newHome()
    const { code, stderr } = await run(["id", "--restore", "--home", home], { input: words })
    expect(stderr).toMatch(why)
    expect(code).toBe(1)
    expect(Fs.existsSync(home)).toBe(false)
  })

  it("seals the keys by a passphrase: without it, or with another, exit code 4", async () => {
    const home = newHome()
    const { id } = await person(home).json("id")
    const set = await person(home, { NOMITM_NEW_PASSPHRASE: "correct horse" }).run(["id", "--passphrase", "set"])
    expect(set).toMatchObject({ code: 0, stdout: "The keys are sealed by the passphrase.\n" })
    expect(await person(home).run(["id"])).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/is sealed by a passphrase\. Set NOMITM_PASSPHRASE/),
    })
    const wrong = person(home, { NOMITM_PASSPHRASE: "battery staple" })
    expect(await wrong.run(["id", "--words"])).toMatchObject({
      code: 4,
      stdout: "",
      stderr: expect.stringContaining("The passphrase does not open"),
    })
    expect(await wrong.json("contacts")).toMatchObject({ event: "error", code: "Wrong_passphrase" })
    const right = person(home, { NOMITM_PASSPHRASE: "correct horse" })
    expect(await right.json("id")).toMatchObject({ id, passphrase: true })
    expect((await right.run(["id", "--passphrase", "remove"])).code).toBe(0)
    expect(await person(home).json("id")).toMatchObject({ id, passphrase: false })
  })

  it("that is open to others is refused with what to type", async () => {
    const alice = person(newHome())
    await alice.run(["id"])
    Fs.chmodSync(join(alice.home, "identity"), 0o644)
    const { code, stderr } = await alice.run(["id"])
    expect(stderr).toContain("chmod 600")
    expect(code).toBe(1)
  })

  it("does one thing at a time", async () => {
    const { code, stderr } = await person(newHome()).run(["id", "--words", "--restore"])
    expect(stderr).toContain("Give one of --words, --restore and --passphrase.")
    expect(code).toBe(2)
  })
})

describe("nomitm contacts", () => {
  it("adds, lists, renames and forgets", async () => {
    const alice = person(newHome())
    // Looks like a flag, and is none.
    const id = `-${newId().slice(1)}`
    expect((await alice.run(["contacts"])).stdout).toMatch(/^No contacts yet\./)
    const added = await alice.run(["contacts", "add", "Bob", id, "--server", "chat.example"])
    const [, fingerprint] = /^bob is a contact now: ([a-z2-7-]{39})\n$/.exec(added.stdout) ?? []
    expect((await alice.run(["contacts"])).stdout).toBe(`bob  introduced  ${fingerprint}  bob at chat.example:6969\n`)
    expect(await alice.run(["contacts", "add", "bobby", id])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("This key is your contact bob already."),
    })
    expect((await alice.json("contacts", "rename", "bob", "robert")).contact).toMatchObject({ label: "robert", id })
    const { contacts } = await alice.json("contacts", "list")
    expect(contacts).toMatchObject([{ label: "robert", id, fingerprint, trust: "introduced" }])
    expect((await alice.run(["contacts", "forget", id])).stdout).toBe("robert and their key are forgotten.\n")
    expect(await alice.run(["contacts", "forget", "robert"])).toMatchObject({ code: 1 })
  })

  it("exports for another device; who imports the file believes of it what they say they do", async () => {
    const [alice, laptop] = [person(newHome()), person(newHome())]
    const id = newId()
    await alice.run(["contacts", "add", "bob", id])
    const file = join(folder, "contacts.json")
    expect((await alice.run(["contacts", "export", file])).stdout).toBe(`1 contact in ${file}.\n`)
    expect(Fs.statSync(file).mode & 0o777).toBe(0o600)
    expect((await alice.run(["contacts", "export"])).stdout).toBe(Fs.readFileSync(file, "utf8"))
    expect((await alice.run(["contacts", "export", file])).stderr).toContain("already")
    Fs.writeFileSync(file, Fs.readFileSync(file, "utf8").replace("introduced", "verified"))

    expect((await laptop.run(["contacts", "import", file])).stdout).toBe("1 contact added, 0 known already.\n")
    expect((await laptop.json("contacts")).contacts).toMatchObject([{ label: "bob", id, trust: "introduced" }])
    expect(await laptop.json("contacts", "import", file, "--trusted")).toMatchObject({ added: [], kept: ["bob"] })
    expect((await laptop.json("contacts")).contacts).toMatchObject([{ label: "bob", trust: "verified" }])

    Fs.writeFileSync(file, Fs.readFileSync(file, "utf8").replace(`"bob"`, `"\\u001b[2Jbob"`))
    const refused = await laptop.run(["contacts", "import", file])
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("is no file of contacts") })
  })

  it.each([
    [["add", "[verified]", "x"], /letters, digits/],
    [["add", "bob", "not-an-id"], /An id has 43 letters, digits/],
    [["add", "\u202ebob", "x"], /invisible characters/],
    [["sing"], /There is no command sing/],
  ])("says what a mistake is: %j", async (args, why) => {
    const result = await person(newHome()).run(["contacts", ...args])
    expect(result.stderr).toMatch(why)
    expect(result.code).toBe(2)
  })
})

describe("nomitm invite", () => {
  const address = `nomitm://chat.example:7000#${"A".repeat(42)}E`

  it("prints a link, another one each time", async () => {
    const alice = person(newHome())
    const first = await alice.run(["invite", "--server", address])
    expect(first.stderr).toBe("")
    expect(first.stdout).toMatch(/^nomitm:\/\/chat\.example:7000\/#1\.[\w-]{112}\n$/)
    const second = await alice.json("invite", "--server", address, "--expires", "7d")
    expect(second).toMatchObject({ event: "invitation", link: expect.stringMatching(/^nomitm:/) })
    expect(second.link).not.toBe(first.stdout.trim())
    const inDays = (second.expiry - Date.now() / 1000) / 86_400
    expect(Math.abs(inDays - 7)).toBeLessThan(0.01)
    expect((await run(["invite"], { env: { NOMITM_HOME: alice.home, NOMITM_SERVER: address } })).code).toBe(0)
  })

  it("puts the key that is remembered of a server into the link, where the address has none", async () => {
    const alice = person(newHome())
    await alice.run(["id"])
    const server = { host: "chat.example", port: 7000 }
    const key = new Uint8Array(32).fill(7)
    Fs.writeFileSync(join(alice.home, "known-servers"), KnownServerList.withKey("", server, key), { mode: 0o600 })
    for (const [place, serverKey] of [
      ["chat.example:7000", key],
      ["chat.example:7001", undefined],
    ] as const) {
      const { link } = await alice.json("invite", "--server", place)
      expect(Result.getOrThrow(Invitation.parse(link)).serverKey).toEqual(serverKey)
    }
    expect((await alice.run(["invite", "--server", "chat.example:7000"])).stderr).toBe("")
  })

  it("says so on standard error where the link has no key of the server, and how to give it", async () => {
    const alice = person(newHome())
    for (const args of [[], ["--json"]]) {
      const { code, stdout, stderr } = await alice.run(["invite", "--server", "127.0.0.1", ...args])
      expect(code).toBe(0)
      expect(stdout).toMatch(args.length === 0 ? /^nomitm:\/\/\S+\n$/ : /^\{"event":"invitation",.*\}\n$/)
      expect(stderr).toBe(
        "nomitm: The link says nothing about the server's key: no pin was given, and none is remembered here. Unless an " +
          "authority vouches for the server, your guest can't tell it from another. " +
          "Give its address as it prints it: --server nomitm://127.0.0.1:6969#PIN\n",
      )
    }
  })

  it.each([
    [[], "Say where you can be called: --server URL."],
    [["--server", "a:b:c"], "--server a:b:c: not HOST"],
    [["--server", "h", "--expires", "0h"], "--expires 0h: not a time such as 30m, 24h or 7d."],
  ])("says what a mistake is: %j", async (args, why) => {
    const { code, stderr } = await person(newHome()).run(["invite", ...args])
    expect(stderr).toContain(why)
    expect(code).toBe(2)
  })
})

describe("two programs at one profile", () => {
  it("lose nothing of each other's", async () => {
    const alice = person(newHome())
    const ids = [newId(), newId(), newId()]
    const results = await Promise.all(ids.map((id, n) => alice.run(["contacts", "add", `friend${n}`, id])))
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0])
    const { contacts } = await alice.json("contacts")
    expect(contacts.map(({ label }: { label: string }) => label)).toEqual(["friend0", "friend1", "friend2"])
  })

  it("a peer that runs has it, and answers for it; a second one is told so", async () => {
    const alice = person(newHome())
    const { id } = await alice.json("id")
    await using server = new Program([
      "server",
      "--bind",
      addresses.server,
      "--port",
      "0",
      "--data",
      newHome(),
      "--json",
    ])
    const { url } = await server.event("listening")
    const peer = ["peer", "alice", "--server", url as string, "--home", alice.home, "--json"]
    await using running = new Program(peer)
    await running.event("registered", { name: "alice" })

    expect(await alice.json("id")).toMatchObject({ id, names: [{ name: "alice" }] })
    expect((await alice.run(["contacts", "add", "bob", newId()])).code).toBe(0)
    expect((await alice.json("contacts")).contacts).toMatchObject([{ label: "bob" }])
    expect((await alice.run(["invite", "--server", url as string])).code).toBe(0)
    const second = await run(peer)
    expect(JSON.parse(second.stdout)).toMatchObject({ event: "error", code: "Profile_busy" })

    running.end("/quit")
    expect(await running.exit).toBe(0)
    expect((await alice.json("contacts")).contacts).toMatchObject([{ label: "bob" }])
  })

  it("that was killed while it had the profile is in nobody's way", async () => {
    const alice = person(newHome())
    await alice.run(["id"])
    const busy = spawn(
      process.execPath,
      [
        "-e",
        `const { DatabaseSync } = require("node:sqlite")
         const lock = new DatabaseSync(${JSON.stringify(join(alice.home, "lock"))})
         lock.exec("BEGIN EXCLUSIVE")
         require("node:net").createServer(() => {}).listen(${JSON.stringify(join(alice.home, "socket"))}, () => console.log("has it"))`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    )
    await once(busy.stdout, "data")
    busy.kill("SIGKILL")
    await once(busy, "close")
    expect(Fs.existsSync(join(alice.home, "socket"))).toBe(true)
    expect(await alice.run(["id"])).toMatchObject({ code: 0, stderr: "" })
  })
})
