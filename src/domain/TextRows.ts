/**
 * Breaks a line of text into rows of a terminal, so that what somebody writes can't begin a row: a row that goes on is
 * indented. Where the terminal breaks lines, a peer could place words at the start of a row that look like ours.
 */

/** Blanks of any width, and what is drawn as one though it is a letter or a symbol. */
const blanks = /([\p{Zs}\u115f\u1160\u2800\u3164\uffa0]+)/u

/** What terminals draw two columns wide, and some that only a few do: a row may be short, but not too long. */
const wide =
  /(?![\0-\u10ff])[\p{Emoji}\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Hangul}\p{scx=Bopomofo}\p{scx=Yi}\p{scx=Tangut}\u3000-\u33ff\uff00-\uff60\uffe0-\uffe6]/gu

/** The columns a text takes, or more. Marks that take none count as one. */
const width = (text: string): number => {
  const characters = text.length > 0 && /[\ud800-\udbff]/.test(text) ? [...text].length : text.length
  return characters + (text.match(wide)?.length ?? 0)
}

const indent = "  "

/**
 * The rows of one line.
 *
 * @param columns the width of the terminal
 * @returns at least one row. All but the first are indented. A word that is longer than a row stays in one piece, so that
 *   an address can be copied, and has its row to itself.
 */
export const wrap = (line: string, columns: number): ReadonlyArray<string> => {
  if (width(line) <= columns) return [line]
  const [first = "", ...rest] = line.split(blanks)
  const rows: Array<string> = []
  let row = first
  let used = width(row)
  for (let i = 0; i < rest.length; i += 2) {
    const blank = rest[i]!
    const word = rest[i + 1]!
    const more = width(blank) + width(word)
    if (used + more <= columns) {
      row += blank + word
      used += more
    } else if (word !== "") {
      rows.push(row)
      row = indent + word
      used = indent.length + width(word)
    }
  }
  return [...rows, row]
}
