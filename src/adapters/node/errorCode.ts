/** The code of an error of Node, such as `EADDRINUSE`; an aggregate error (of several addresses tried) has its first one's. */
export const errorCode = (error: unknown): string | undefined => {
  if (!(error instanceof Error)) return undefined
  if ("code" in error && typeof error.code === "string") return error.code
  return error instanceof AggregateError ? errorCode(error.errors[0]) : undefined
}
