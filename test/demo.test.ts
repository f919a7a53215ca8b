import { spawn } from "node:child_process"
import { once } from "node:events"
import { connect } from "node:net"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { describe, expect, it, vi } from "vitest"
import { root } from "../scripts/bundle.ts"

const start = () =>
  spawn(process.execPath, [join(root, "demo/demo.ts")], { env: { ...process.env, NO_COLOR: "1" }, cwd: root })

describe.concurrent("npm run demo", () => {
  it("shows two people who find each other and talk", { timeout: 60_000 }, async () => {
    const demo = start()
    const [stdout, stderr, [code]] = await Promise.all([text(demo.stdout), text(demo.stderr), once(demo, "close")])
    expect(stderr).toBe("")
    const told = stdout.replaceAll(/\d+\.\d+\.\d+\.\d+/g, "ADDRESS").replaceAll(/\b\d{4,5}\b/g, "PORT")
    for (const line of [
      "alice  ──▶ server  TCP  REGISTER alice",
      "bob    ◀── server  TCP  REGISTER bob OK",
      "alice  ──▶ server  TCP  CHAT bob",
      "alice  ◀── server  TCP  STARTCHAT ADDRESS PORT bob",
      "bob    ◀── server  TCP  STARTCHAT ADDRESS PORT alice",
      "alice  ──▶ bob     UDP  bob hears alice from ADDRESS:PORT",
      `alice  ──▶ bob     UDP  "Hello Bob, can you hear me?"`,
      `alice  ◀── bob     UDP  "Loud and clear. Is anybody else listening?"`,
      "alice  ◀── server  TCP  ERROR Shutting_down",
      "alice  ──▶ bob     UDP  bob hears that alice ended the chat",
      "All of it happened",
    ]) {
      expect(told).toContain(line)
    }
    expect(code).toBe(0)
  })

  it("leaves no process behind when it is interrupted", async () => {
    const demo = start()
    let told = ""
    demo.stdout.setEncoding("utf8").on("data", (text: string) => {
      told += text
    })
    await vi.waitUntil(() => told.includes("REGISTER alice OK"), { timeout: 15_000 })
    const [, port] = /127\.0\.0\.1:(\d+)/.exec(told)!
    demo.kill("SIGINT")
    expect(await once(demo, "exit")).toEqual([130, null])
    // The server was told to end; the system takes a moment for it.
    await vi.waitFor(
      async () => {
        const connection = connect(Number(port), "127.0.0.1")
        const connected = once(connection, "connect")
        connection.on("error", () => {})
        await expect(connected.finally(() => connection.destroy())).rejects.toThrow("ECONNREFUSED")
      },
      { timeout: 10_000 },
    )
  })
})
