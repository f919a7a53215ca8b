/**
 * Proves what `questions.ts` asks, with E.
 *
 *     node formal/prove.ts                 all of it
 *     node formal/prove.ts kci direct      questions with one of these in their names
 *     node formal/prove.ts --keep DIR …    and keeps the files that E was given
 *     node formal/prove.ts --table         prints the table of formal/README.md instead
 *
 * Exits with 1 if a result is not the expected one, or E found none within its bounds, and with 2 if it can't ask.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { toTptp } from "./Clause.ts"
import * as Eprover from "./Eprover.ts"
import { type Question, result } from "./Question.ts"
import { questions, table } from "./questions.ts"

interface Answer {
  readonly question: Question
  readonly verdict: Eprover.Verdict
  readonly seconds: number
}

const ask = async (question: Question, folder: string): Promise<Answer> => {
  const file = join(folder, `${question.name}.p`)
  writeFileSync(file, toTptp(`${question.name}: ${question.asks}.`, question.problem()))
  const start = performance.now()
  const verdict = await Eprover.ask(file)
  return { question, verdict, seconds: (performance.now() - start) / 1000 }
}

const report = ({ question, verdict, seconds }: Answer): boolean => {
  const found = result(question, verdict)
  const columns = [
    question.name.padEnd(34),
    found.padEnd(8),
    question.expected.padEnd(8),
    seconds.toFixed(2).padStart(7),
  ]
  const asExpected = found === question.expected
  console.log(asExpected ? columns.join("  ") : [...columns, "NOT AS EXPECTED"].join("  "))
  return asExpected
}

/** Asks all, a few at a time; reports in their order. How many were not as expected? */
const prove = async (asked: ReadonlyArray<Question>, folder: string): Promise<number> => {
  console.log(["question".padEnd(34), "result".padEnd(8), "expected", "seconds".padStart(7)].join("  "))
  const waiting = [...asked]
  const answers = asked.map(() => Promise.withResolvers<Answer>())
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      answers[asked.indexOf(next)]?.resolve(await ask(next, folder))
    }
  }
  const workers = Promise.all(Array.from({ length: Math.min(availableParallelism(), 8) }, work))
  let wrong = 0
  for (const { promise } of answers) {
    // A worker that fails ends it all.
    const answer = await Promise.race([promise, workers.then(() => promise)])
    if (!report(answer)) wrong++
  }
  await workers
  return wrong
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { keep: { type: "string" }, table: { type: "boolean" } },
})
const asked = questions.filter(
  ({ name }) => positionals.length === 0 || positionals.some((word) => name.includes(word)),
)

if (values.table === true) {
  console.log(table)
} else if (asked.length === 0) {
  console.error(`No question is called ${positionals.join(" or ")}.`)
  process.exitCode = 2
} else {
  if (values.keep !== undefined) mkdirSync(values.keep, { recursive: true })
  const folder = values.keep ?? mkdtempSync(join(tmpdir(), "nomitm-prove-"))
  try {
    const wrong = await prove(asked, folder)
    if (wrong > 0) process.exitCode = 1
    console.log(
      wrong === 0 ? `${asked.length} questions as expected` : `${wrong} of ${asked.length} questions NOT as expected`,
    )
  } catch (error) {
    if (!(error instanceof Eprover.Missing)) throw error
    console.error(
      "The proofs need E, a theorem prover, and there is no eprover on the PATH. " +
        "Debian and Ubuntu have it as a package: apt-get install eprover. Elsewhere: https://www.eprover.org",
    )
    process.exitCode = 2
  } finally {
    if (values.keep === undefined) rmSync(folder, { recursive: true, force: true })
  }
}
