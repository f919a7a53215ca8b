/**
 * The name a person is known by in `nomitm/1` (PROTOCOL.md, section 13): a username that can hardly be mistaken for
 * another. It is in Unicode's normal form C, in lower case, and of one script: `alice` with a Cyrillic `а` is no name.
 *
 * It is a label at one server. A person is an id.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Username from "./Username.ts"

/** Scripts that are written together. */
const together = [
  ["Hani", "Hira", "Kana"],
  ["Hani", "Hang"],
  ["Hani", "Bopo"],
]

/** All others of Unicode 15.1, which every engine this runs on knows, by their codes of ISO 15924. */
const alone = (
  "Latn Cyrl Grek Arab Hebr Deva Beng Thai Armn Geor Ethi Taml Telu Knda Mlym Gujr Guru Orya Sinh Laoo Mymr Khmr Tibt " +
  "Adlm Aghb Ahom Armi Avst Bali Bamu Bass Batk Bhks Brah Brai Bugi Buhd Cakm Cans Cari Cham Cher Chrs Copt Cpmn Cprt " +
  "Diak Dogr Dsrt Dupl Egyp Elba Elym Glag Gong Gonm Goth Gran Hano Hatr Hluw Hmng Hmnp Hung Ital Java Kali Kawi Khar " +
  "Khoj Kits Kthi Lana Lepc Limb Lina Linb Lisu Lyci Lydi Mahj Maka Mand Mani Marc Medf Mend Merc Mero Modi Mong Mroo " +
  "Mtei Mult Nagm Nand Narb Nbat Newa Nkoo Nshu Ogam Olck Orkh Osge Osma Ougr Palm Pauc Perm Phag Phli Phlp Phnx Plrd " +
  "Prti Rjng Rohg Runr Samr Sarb Saur Sgnw Shaw Shrd Sidd Sind Sogd Sogo Sora Soyo Sund Sylo Syrc Tagb Takr Tale Talu " +
  "Tang Tavt Tfng Tglg Thaa Tirh Tnsa Toto Ugar Vaii Vith Wara Wcho Xpeo Xsux Yezi Yiii Zanb"
).split(" ")

const wholly = (scripts: ReadonlyArray<string>): RegExp =>
  new RegExp(`^[${[...scripts, "Zyyy", "Zinh"].map((script) => `\\p{Script=${script}}`).join("")}]*$`, "u")

const groups = [alone.slice(0, 3).map((script) => [script]), together, alone.slice(3).map((script) => [script])].flat()
/** Made when they are first needed: together they take longer than the start of the program may. */
const tests: Array<RegExp> = []

const isOfOneScript = (name: string): boolean =>
  groups.some((scripts, index) => (tests[index] ??= wholly(scripts)).test(name))

/** Why a name can't be used, as one sentence, or none if it can. */
export const problem = (name: string): Option.Option<string> => {
  const usual = Username.problem(name)
  if (Option.isSome(usual)) return usual
  if (name !== name.toLowerCase()) return Option.some("A name is in lower case.")
  if (name !== name.normalize("NFC")) return Option.some("A name is in Unicode's normal form C.")
  if (!isOfOneScript(name)) return Option.some("A name must not mix letters of several scripts.")
  return Option.none()
}

export const PersonName = Schema.String.check(
  Schema.makeFilter((name: string) => Option.getOrUndefined(problem(name)), { identifier: "PersonName" }),
).pipe(Schema.brand("Username"), Schema.brand("PersonName"))
/** It may stand wherever a username may. */
export type PersonName = typeof PersonName.Type

export const isPersonName = (name: string): name is PersonName => Option.isNone(problem(name))

/** The name, if it may be used. */
export const parse = (name: string): Option.Option<PersonName> =>
  isPersonName(name) ? Option.some(name) : Option.none()

/** What a person means who types a name: `Zoë` is `zoë`, however it was typed. It may still be none. */
export const fold = (typed: string): string => typed.normalize("NFC").toLowerCase().normalize("NFC")
