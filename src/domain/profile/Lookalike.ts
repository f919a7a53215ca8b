/**
 * Names that look the same though they are not: `alex` in Latin and `аӏех` in Cyrillic letters, `b0b` and `bob`.
 *
 * Not the whole of Unicode's list of confusables (UTS 39): the letters of Cyrillic and Greek that are drawn like a small
 * Latin one, the digits that are read as letters, and accents. Names of one script are what the protocol demands already
 * (`PersonName`), so what is left are words that consist of such letters altogether.
 */

/** Pairs: what is drawn, and the Latin letter it looks like. */
const drawnAlike: ReadonlyMap<string, string> = new Map(
  (
    "аa вb сc еe нh іi јj кk мm оo рp ԛq гr ѕs тt ѵv ԝw хx уy ԁd һh ӏl пn зe ьb бb " +
    "αa βb ϲc εe γy ηn ιi ϳj κk νv οo ρp τt υu χx ωw μu " +
    "0o 1l 3e 5s 6b 9g ıi ɡg ɑa ℓl ſs"
  )
    .split(" ")
    .map((pair): readonly [string, string] => {
      const [drawn = "", letter = ""] = pair
      return [drawn, letter]
    }),
)

/** What is left of a name for somebody who does not look closely. Two names with the same one may be mistaken. */
export const skeleton = (name: string): string =>
  Array.from(
    name
      .normalize("NFKD")
      .replace(/[\p{M}._'’-]/gu, "")
      .toLowerCase(),
    (character) => drawnAlike.get(character) ?? character,
  )
    .join("")
    // What is drawn as one stroke, and as one letter.
    .replaceAll(/[il|]/g, "l")
    .replaceAll("rn", "m")
    .replaceAll("vv", "w")
