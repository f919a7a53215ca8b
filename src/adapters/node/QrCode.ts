/**
 * A text as a QR code for a terminal, two modules in one character. Drawn dark on light whatever the terminal's colours
 * are: not every reader takes the inverse.
 */
import * as Effect from "effect/Effect"

/** Light modules around the code. The standard says four; two are enough for a screen, and fit into more of them. */
const border = 2

/** The rows to print, and how many columns they take. */
export const draw = (text: string): Effect.Effect<{ readonly rows: ReadonlyArray<string>; readonly columns: number }> =>
  Effect.promise(async () => {
    const { encode } = await import("uqr")
    const { data, size } = encode(text, { ecc: "L", border })
    const rows: Array<string> = []
    for (let y = 0; y < size; y += 2) {
      let row = ""
      for (let x = 0; x < size; x++) {
        const [upper, lower] = [data[y]![x] === true, data[y + 1]?.[x] === true]
        row += upper ? (lower ? "█" : "▀") : lower ? "▄" : " "
      }
      rows.push(`\u001b[38;5;16;48;5;231m${row}\u001b[0m`)
    }
    return { rows, columns: size }
  })
