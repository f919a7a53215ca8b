/**
 * What somebody is called who says the name itself, in a datagram: it may say what it likes, a datagram full, or nothing.
 */
import { type Endpoint, format } from "./Endpoint.ts"
import { oneLine } from "./PrintableText.ts"
import { maxLength } from "./Username.ts"

/** Something of it can be seen. */
const visible = /[^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u

/** The name as it is shown: printable, at most 32 code points; the address if nothing of it can be seen. */
export const of = (said: string, remote: Endpoint): string => {
  const name = Array.from(oneLine(said).trim()).slice(0, maxLength).join("").trim()
  return visible.test(name) ? name : format(remote)
}
