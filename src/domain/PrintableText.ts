/**
 * Text from elsewhere, made safe for a terminal and for a line of JSON: what a peer writes never reaches either raw.
 */

/** Control characters; format characters but for the joiners that emoji and scripts need; lone surrogates. */
const unsafe = /[\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/gu

/** One line: tabs and line breaks become blanks, everything else that could move the cursor or hide goes. */
export const oneLine = (text: string): string => lines(text).join(" ")

/** The lines of a text, each safe to print. */
export const lines = (text: string): ReadonlyArray<string> =>
  text.split(/\r\n|[\n\r\u0085\u2028\u2029]/u).map((line) => line.replaceAll("\t", " ").replace(unsafe, ""))

/** How much of a text an excerpt has, in characters. */
const excerptLength = 40

/** The beginning of a text, or all of a short one, in one line and in quotes. */
export const excerpt = (text: string): string => {
  const characters = [...oneLine(text.slice(0, 4 * excerptLength))]
  const isWhole = characters.length <= excerptLength && text.length <= 4 * excerptLength
  return isWhole ? `"${characters.join("")}"` : `"${characters.slice(0, excerptLength).join("")}…"`
}

/** JSON in one line of which every character is visible: a reader gets the text unchanged, a terminal nothing to obey. */
export const json = (value: unknown): string =>
  JSON.stringify(value).replace(unsafe, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
    ).join(""),
  )
