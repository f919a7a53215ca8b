/**
 * The figures as a table for people.
 */
import type { Figure, Relation, Spread } from "./Figure.ts"

export const table = (figures: ReadonlyArray<Figure>): string => {
  const rows = [["", "nomitm", "floor", "", "against the floor", "target", ""], ...figures.map(row)]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)))
  const isNumber = (column: number) => column === 1 || column === 2
  return rows
    .map((cells) =>
      cells
        .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n")
}

const row = ({ name, unit, program, floor, relation, compared, target, met }: Figure): ReadonlyArray<string> => [
  name,
  number(program.median),
  number(floor.median),
  unit,
  against(compared, relation, unit),
  target === undefined ? "" : `${target.bound} ${target.value} ${suffix(relation, unit)}`,
  met === undefined ? "" : met ? "met" : "MISSED",
]

const against = ({ low, median, high }: Spread, relation: Relation, unit: string): string =>
  `${median.toFixed(2)} ${suffix(relation, unit)} (${low.toFixed(2)}-${high.toFixed(2)})`

const suffix = (relation: Relation, unit: string): string => (relation === "times" ? "x" : `${unit} above`)

const number = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)
