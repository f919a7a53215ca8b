/** The model of the handshake as it is kept; `npm run prove` does the proving. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { symbol, toTptp } from "../formal/Clause.ts"
import { verdict } from "../formal/Eprover.ts"
import { thisOne } from "../formal/Handshake.ts"
import { questions, table } from "../formal/questions.ts"

const formal = join(import.meta.dirname, "../formal")

/** Symbols of a problem with their numbers of arguments, or why it is no CNF. Reads what the model writes, not all of TPTP. */
const readTptp = (text: string): Map<string, number> => {
  const arities = new Map<string, number>()
  const clauses = text
    .replaceAll(/^%.*\n/gm, "")
    .trim()
    .split(/\n\s*\n/)
  for (const clause of clauses) {
    const [, role, body] = /^cnf\(\w+, (axiom|negated_conjecture),\s+\(([^]*)\)\)\.$/.exec(clause) ?? []
    assert.isDefined(body, clause)
    for (const literal of (body ?? "").split("|")) {
      const [, not, atom] = /^\s*(~ )?(\S+(?: = \S+)?)\s*$/.exec(literal) ?? []
      assert.isDefined(atom, literal)
      if (role === "negated_conjecture") assert.strictEqual(not, "~ ")
      for (const side of (atom ?? "").split(" = ")) readTerm(side, arities)
    }
  }
  return arities
}

const readTerm = (text: string, arities: Map<string, number>): void => {
  let at = 0
  const term = (): void => {
    const name = /^\w+/.exec(text.slice(at))?.[0] ?? ""
    assert.match(name, /^[A-Za-z]\w*$/, text)
    at += name.length
    let count = 0
    if (text[at] === "(") {
      do {
        at++
        term()
        count++
      } while (text[at] === ",")
      assert.strictEqual(text[at], ")", text)
      at++
    }
    if (/^[A-Z]/.test(name)) assert.strictEqual(count, 0, `${name} is a variable: ${text}`)
    else {
      assert.strictEqual(arities.get(name) ?? count, count, `${name} in ${text}`)
      arities.set(name, count)
    }
  }
  term()
  assert.strictEqual(at, text.length, text)
}

/** Runs the proofs where the only program on the PATH is an `eprover` that says this, or none. */
const prove = async (says: string | undefined, ...args: ReadonlyArray<string>) => {
  const folder = await mkdtemp(join(tmpdir(), "nomitm-formal-"))
  try {
    if (says !== undefined) {
      await writeFile(join(folder, "eprover"), `#!/bin/sh\necho '# SZS status ${says}'\n`, { mode: 0o755 })
    }
    const child = spawn(process.execPath, [join(formal, "prove.ts"), ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, PATH: folder },
    })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text
    })
    const [code] = (await once(child, "close")) as [number]
    return { code, stdout, stderr }
  } finally {
    await rm(folder, { recursive: true })
  }
}

describe("the model of the handshake", () => {
  it("writes problems that are well-formed: each symbol has one number of arguments, and what a goal is about occurs in rules", () => {
    for (const question of questions) {
      const problem = question.problem()
      const whole = readTptp(toTptp(question.name, problem))
      const rules = readTptp(toTptp(question.name, { ...problem, goal: ["nothing_at_all"] }))
      assert.isAbove(whole.size, 10, question.name)
      // A goal about something that no rule mentions can't be reached, whatever the protocol does.
      assert.deepStrictEqual(
        new Set([...rules.keys(), thisOne]),
        new Set([...whole.keys(), "nothing_at_all", thisOne]),
        question.name,
      )
    }
  })

  it("would notice a slip of the pen", () => {
    assert.throws(() => readTerm("Alice(x)", new Map()))
    assert.throws(() => readTerm("f(x,f(x)", new Map()))
    assert.throws(() => readTerm("f(x,f(x))", new Map()))
    assert.throws(() => ["x"].map(symbol("f", 1) as never))
  })

  it("asks every question under a name of its own, and each mutant and leak of something that holds", () => {
    const names = questions.map(({ name }) => name)
    assert.strictEqual(new Set(names).size, names.length)
    for (const name of names) assert.match(name, /^[a-z0-9-]{1,34}$/)
    for (const { name, expected } of questions) {
      const [base, without] = name.split("-no-", 2)
      if (without === undefined || expected !== "ATTACK") continue
      const about = questions.filter(({ name }) => name === base || `${name}-callee` === base)
      assert.isTrue(
        base?.startsWith("misbinding-") === true || about.some(({ expected }) => expected === "HOLDS"),
        `${name} is a mutant of nothing that holds`,
      )
    }
  })

  it("is described by a table of exactly its questions and results", async () => {
    const readme = await readFile(join(formal, "README.md"), "utf8")
    assert.strictEqual(readme.slice(readme.indexOf("### Honest people get through")).trimEnd(), table)
  })

  it("takes for a proof nothing but what the prover says is one", () => {
    assert.strictEqual(verdict("\n# No proof found!\n# SZS status Satisfiable\n"), "unreachable")
    assert.strictEqual(verdict("# Proof found!\n# SZS status Unsatisfiable\n"), "reached")
    assert.strictEqual(verdict("# Failure: Out of unprocessed clauses!\n# SZS status GaveUp\n"), "unknown")
    assert.strictEqual(verdict("# SZS status ResourceOut\n"), "unknown")
    assert.strictEqual(verdict(""), "unknown")
    assert.strictEqual(verdict("The last run: # SZS status Satisfiable"), "unknown")
  })
})

describe("npm run prove", () => {
  it("says what to install where there is no prover, and fails", async () => {
    const { code, stdout, stderr } = await prove(undefined, "sas")
    assert.strictEqual(code, 2)
    assert.match(stderr, /no eprover on the PATH.*apt-get install eprover/)
    assert.notInclude(stdout, "as expected")
  })

  it("fails when a result is another than the expected one, or there is none", async () => {
    const satisfiable = await prove("Satisfiable", "sas")
    assert.strictEqual(satisfiable.code, 1)
    assert.match(satisfiable.stdout, /^sas-no-h +HOLDS +ATTACK .*NOT AS EXPECTED$/m)
    assert.match(satisfiable.stdout, /\n4 of 7 questions NOT as expected\n$/)

    const out = await prove("ResourceOut", "sas")
    assert.strictEqual(out.code, 1)
    assert.match(out.stdout, /^sas +UNKNOWN +HOLDS .*NOT AS EXPECTED$/m)
    assert.match(out.stdout, /\n7 of 7 questions NOT as expected\n$/)
  })

  it("counts what is as expected in its last line, and keeps the files on demand", async () => {
    const folder = await mkdtemp(join(tmpdir(), "nomitm-formal-"))
    try {
      const { code, stdout } = await prove("Unsatisfiable", "works", "--keep", folder)
      assert.strictEqual(code, 0)
      assert.match(stdout, /\n3 questions as expected\n$/)
      assert.deepStrictEqual((await readdir(folder)).toSorted(), ["call-works.p", "direct-works.p", "link-works.p"])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it("asks nothing when nothing has the name, and says so", async () => {
    const { code, stderr } = await prove("Satisfiable", "no-such-question")
    assert.strictEqual(code, 2)
    assert.include(stderr, "No question is called no-such-question")
  })
})
