import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { afterAll, describe, expect, it, vi } from "vitest"
import { root } from "../scripts/bundle.ts"

/** Where the demos put their files, and somebody's home, which they leave alone. */
const files = mkdtempSync(join(tmpdir(), "nomitm-demos-"))
afterAll(() => rmSync(files, { recursive: true }))

const start = (...args: ReadonlyArray<string>) => {
  const own = mkdtempSync(join(files, "demo-"))
  const home = join(own, "home")
  const env = { PATH: process.env["PATH"], NO_COLOR: "1", TMPDIR: own, HOME: home, NOMITM_HOME: home }
  const child = spawn(process.execPath, [join(root, "demo/demo.ts"), ...args], { env, cwd: root })
  return { child, own, home }
}

/** What it prints, once it has ended well. */
const watch = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { child, own } = start(...args)
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")])
  expect({ stderr, code }).toEqual({ stderr: "", code: 0 })
  expect(readdirSync(own)).toEqual([])
  return stdout.replaceAll(/\d+\.\d+\.\d+\.\d+/g, "ADDRESS")
}

const fingerprint = /(?:[a-z2-7]{4}-){7}[a-z2-7]{4}/

describe.concurrent("npm run demo", () => {
  it("shows two people who prove who they are, and one who can't", { timeout: 240_000 }, async () => {
    const told = await watch()
    const [, alice] = new RegExp(
      `alice {3}has a key of its own now, whose fingerprint is (${fingerprint.source})`,
    ).exec(told)!
    const [, bob] = new RegExp(`bob {5}has a key of its own now, whose fingerprint is (${fingerprint.source})`).exec(
      told,
    )!
    const [, mallory] = new RegExp(`mallory is online as bob, with the key (${fingerprint.source})`).exec(told)!
    expect(new Set([alice, bob, mallory]).size).toBe(3)
    expect(told).toMatch(/server {2}is at nomitm:\/\/ADDRESS:\d+#[\w-]{43}\n/)
    expect(told).toMatch(/alice {3}──▶ server {2}TLS {2}\d+ records, \d+ bytes\n/)
    expect(told).toMatch(/alice {3}reaches bob at ADDRESS:\d+\n/)
    expect(told).toMatch(/bob {5}reaches alice at ADDRESS:\d+\n/)
    for (const line of [
      `bob     hears  alice [unknown] is calling, with the key ${alice}\n`,
      "alice   is connected to bob [introduced]",
      "bob     reads  alice [introduced]: Hello Bob, can you hear me?\n",
      "alice   reads  bob [introduced]: Loud and clear. Is anybody else listening?\n",
      "alice   says yes: bob is [verified] from now on\n",
      "bob     says yes: alice is [verified] from now on\n",
      "bob     sends  nomitm://ADDRESS:",
      "carol   is connected to bob [invited], and bob to carol [invited]\n",
      "bob     reads  carol [invited]: And where am I?\n",
      "bob     reads  alice [verified]: Not even the server.\n",
      `alice   ! THE KEY OF bob HAS CHANGED: it was ${bob}, and now it is ${mallory}.`,
      "alice   is gone, with the exit code 4",
      "All of it happened",
    ]) {
      expect(told).toContain(line)
    }
    const seen = [...told.matchAll(/ {2}sees {3}([a-z]+ [a-z]+ [a-z]+ \(\d{10}\))\n/g)].map(([, shown]) => shown)
    expect(seen).toHaveLength(2)
    expect(seen[0]).toBe(seen[1])
    expect(told).toMatch(/tap {5}\d+ bytes: none of the texts, of the names or of the keys\n/)
  })

  it("shows the seed with --plaintext", { timeout: 240_000 }, async () => {
    const told = (await watch("--plaintext")).replaceAll(/\b\d{4,5}\b/g, "PORT")
    for (const line of [
      "alice   ──▶ server  TCP  REGISTER alice",
      "bob     ◀── server  TCP  REGISTER bob OK",
      "alice   ──▶ server  TCP  CHAT bob",
      "alice   ◀── server  TCP  STARTCHAT ADDRESS PORT bob",
      "bob     ◀── server  TCP  STARTCHAT ADDRESS PORT alice",
      "alice   ──▶ bob     UDP  bob hears alice from ADDRESS:PORT",
      `alice   ──▶ bob     UDP  "Hello Bob, can you hear me?"`,
      `alice   ◀── bob     UDP  "Loud and clear. Is anybody else listening?"`,
      "alice   ◀── server  TCP  ERROR Shutting_down",
      "alice   ──▶ bob     UDP  bob hears that alice ended the chat",
      "All of it happened",
    ]) {
      expect(told).toContain(line)
    }
  })

  it("leaves no process and no file behind when it is interrupted", { timeout: 180_000 }, async () => {
    const { child, own, home } = start()
    let told = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      told += text
    })
    await vi.waitUntil(() => told.includes("alice   has a key"), { timeout: 90_000 })
    const [, port] = /127\.0\.0\.1:(\d+)/.exec(told)!
    child.kill("SIGINT")
    expect(await once(child, "exit")).toEqual([130, null])
    // The server was told to end; the system takes a moment for it.
    await vi.waitFor(
      async () => {
        const connection = connect(Number(port), "127.0.0.1")
        const connected = once(connection, "connect")
        connection.on("error", () => {})
        await expect(connected.finally(() => connection.destroy())).rejects.toThrow("ECONNREFUSED")
      },
      { timeout: 30_000 },
    )
    expect(existsSync(home)).toBe(false)
    await vi.waitFor(() => expect(readdirSync(own)).toEqual([]), { timeout: 30_000 })
  })
})
