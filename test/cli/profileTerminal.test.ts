/** What a person at a terminal is asked and shown about keys, words and invitations. */
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { run } from "./Program.ts"
import { missing, Terminal } from "./Terminal.ts"

if (missing !== undefined) {
  if (process.env["CI"] !== undefined) throw new Error(missing)
  console.warn(missing)
}

const folder = Fs.mkdtempSync(join(tmpdir(), "nomitm-cli-terminal-"))
afterAll(() => Fs.rmSync(folder, { recursive: true }))

let count = 0
const newHome = () => join(folder, `home${count++}`)

/** Makes a profile, and gives its id. */
const make = async (home: string, env: Readonly<Record<string, string>> = {}): Promise<string> => {
  const { stdout } = await run(["id", "--json", "--home", home], { env })
  return JSON.parse(stdout).id
}

describe.skipIf(missing !== undefined)("a profile at a terminal", () => {
  it("asks for the passphrase without showing it, and again after a mistake", async () => {
    const home = newHome()
    const env = { NOMITM_HOME: home }
    const id = await make(home)
    {
      await using terminal = new Terminal(["id", "--passphrase", "set"], { env })
      await terminal.shows("New passphrase:")
      terminal.enter("correct horse")
      await terminal.shows("The same again:")
      terminal.enter("correct horse")
      await terminal.shows("The keys are sealed by the passphrase.")
      expect(await terminal.exit()).toEqual({ code: 0, restored: true })
      expect(terminal.output).not.toContain("horse")
    }
    await using terminal = new Terminal(["id"], { env, columns: 120 })
    await terminal.shows("Passphrase:")
    terminal.enter("battery staple")
    await terminal.until("the question again", (rows) => rows.filter((row) => row === "Passphrase:").length === 2)
    await terminal.shows("That is not it.")
    terminal.enter("correct horse")
    await terminal.shows(id)
    expect(await terminal.exit()).toEqual({ code: 0, restored: true })
    expect(terminal.output).not.toMatch(/horse|staple/)
  })

  it("Ctrl-C at the question leaves, and the terminal is as before", async () => {
    const home = newHome()
    await make(home, { NOMITM_PASSPHRASE: "x" })
    await using terminal = new Terminal(["id"], { env: { NOMITM_HOME: home } })
    await terminal.shows("Passphrase:")
    terminal.type("\u0003")
    expect(await terminal.exit()).toEqual({ code: 130, restored: true })
  })

  it("warns before the recovery words, and draws an invitation as a QR code", async () => {
    const home = newHome()
    await make(home)
    {
      await using terminal = new Terminal(["id", "--words"], { env: { NOMITM_HOME: home } })
      await terminal.shows("whoever has them is you")
      await terminal.until("24 words", (rows) =>
        rows.some((row) => /^21 [a-z]+ +22 [a-z]+ +23 [a-z]+ +24 [a-z]+$/.test(row)),
      )
    }
    await using terminal = new Terminal(["invite", "--server", "chat.example"], {
      env: { NOMITM_HOME: home },
      columns: 100,
      rows: 60,
    })
    await terminal.shows("Send this link to one person")
    await terminal.shows("█▀▀▀▀▀█")
    expect((await terminal.exit()).code).toBe(0)
  })
})
