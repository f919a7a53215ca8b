/**
 * Two people who say numbered texts to each other, and whether each came exactly once and in order.
 */
import type { Chatter, Timed } from "./Chatter.ts"

/** One of the two people. */
export interface Person {
  readonly name: string
  readonly chatter: Chatter
  /** What was typed so far, and when. */
  readonly said: Array<{ readonly text: string; readonly at: number }>
}

export const person = (name: string, chatter: Chatter): Person => ({ name, chatter, said: [] })

/** The texts that came, from the other one. */
export const heard = ({ chatter }: Person): ReadonlyArray<Timed> => chatter.named("message")

/** Every so many milliseconds each says something. */
const paceMillis = 100

/** Each tenth text is this much longer, so that it does not fit into one record. Characters. */
const longLength = 3000

export class Talk {
  private readonly people: readonly [Person, Person]
  private timer: NodeJS.Timeout | undefined

  constructor(alice: Person, bob: Person) {
    this.people = [alice, bob]
  }

  /** One says its next text. */
  static say(person: Person): void {
    const number = person.said.length + 1
    const text = `${person.name} ${number}${number % 10 === 0 ? ` ${"x".repeat(longLength)}` : ""}`
    person.said.push({ text, at: performance.now() })
    person.chatter.type(text)
  }

  /** Each says one text now. */
  both(): void {
    for (const person of this.people) Talk.say(person)
  }

  start(): void {
    this.timer ??= setInterval(() => this.both(), paceMillis)
  }

  stop(): void {
    clearInterval(this.timer)
    this.timer = undefined
  }

  /** Both go on talking for so long. */
  async for(millis: number): Promise<void> {
    this.start()
    await new Promise((resolve) => setTimeout(resolve, millis))
  }

  /** Waits until each heard as much as the other said, and was told that it arrived. */
  async arrived(withinMillis: number): Promise<void> {
    const [alice, bob] = this.people
    const until = performance.now() + withinMillis
    for (const [from, to] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      const left = () => Math.max(0, until - performance.now())
      await to.chatter.until(() => heard(to).length >= from.said.length || undefined, left())
      await from.chatter.until(() => from.chatter.named("delivered").length >= from.said.length || undefined, left())
    }
  }

  /** What is wrong with what came, in words; nothing if each text came once, in order, and both were told so. */
  problems(): ReadonlyArray<string> {
    const [alice, bob] = this.people
    return [...check(alice, bob), ...check(bob, alice)]
  }
}

const check = (from: Person, to: Person): ReadonlyArray<string> => {
  const said = from.said.map(({ text }) => text)
  const came = heard(to).map(({ text }) => String(text))
  const problems: Array<string> = []
  const wrong = came.findIndex((text, i) => text !== said[i])
  if (wrong >= 0) {
    const [is, was] = [came[wrong] ?? "", said[wrong] ?? "nothing"].map((text) => text.slice(0, 20))
    problems.push(`${to.name} heard "${is}" where "${was}" was next`)
  }
  if (came.length < said.length) problems.push(`${to.name} heard ${came.length} of ${said.length} texts`)

  const ids = from.chatter.named("delivered").map(({ id }) => id)
  if (new Set(ids).size < ids.length) problems.push(`${from.name} was told twice that a text is delivered`)
  if (ids.length !== said.length) problems.push(`${from.name} was told of ${ids.length} of ${said.length} deliveries`)
  for (const { reason } of from.chatter.named("failed")) problems.push(`${from.name}: a text failed: ${String(reason)}`)
  return problems
}
