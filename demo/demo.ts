/**
 * People find each other through a server and talk without it, as processes of `dist/nomitm.mjs`.
 *
 *     npm run demo                   with keys: what a wire carries, and what is proven
 *     npm run demo -- --plaintext    the seed, in plaintext
 *
 * Ends with 0 only if all of it happened.
 */
import * as plaintext from "./plaintext.ts"
import * as sealed from "./sealed.ts"
import { paint } from "./Stage.ts"

const { play, epilogue } = process.argv.includes("--plaintext") ? plaintext : sealed

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130))
const start = performance.now()
try {
  await play()
} catch (error) {
  console.error(`\n${paint("red", "The demo failed.")} ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}
console.log(`\n${paint("green", "All of it happened")}, in ${((performance.now() - start) / 1000).toFixed(1)} seconds.`)
console.log(paint("dim", epilogue))
process.exit(0)
