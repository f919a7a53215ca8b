/**
 * Loaded before a program, makes its machine one that sleeps: at SIGUSR2 an hour has passed by the wall clock, and nothing
 * by the monotonic one. It says so on standard error: a signal comes after whatever else was there before it.
 */
import { writeSync } from "node:fs"

const { now } = Date
let slept = 0

Date.now = () => now() + slept
process.on("SIGUSR2", () => {
  slept += 3_600_000
  writeSync(2, "An hour has passed.\n")
})
