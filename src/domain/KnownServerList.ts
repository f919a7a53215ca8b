/**
 * The servers a person has met and the keys they had, as text: a line each, `HOST:PORT KEY`, the key in base64url as in a
 * pin. What is no such line, a comment say, stays as it is and counts for nothing.
 */
import { type HostPort, formatHostPort } from "./Endpoint.ts"
import { formatKey, parseKey } from "./ServerAddress.ts"

/** How long the text is at most, in bytes (it is ASCII where it is ours): thousands of servers. */
export const maxBytes = 1024 * 1024

/** One name has one spelling: DNS makes no difference between letters, nor of a dot at the end. */
const nameOf = ({ host, port }: HostPort): string => formatHostPort(host.toLowerCase().replace(/\.$/, ""), port)

const isAbout = (line: string, name: string): boolean => line.startsWith(`${name} `)

/** The key of a server, 32 bytes; none if it is not in the list. The last line about it counts. */
export const find = (list: string, server: HostPort): Uint8Array | undefined => {
  const name = nameOf(server)
  const line = list.split("\n").findLast((line) => isAbout(line, name))
  return line === undefined ? undefined : parseKey(line.slice(name.length + 1).trim())
}

/** The list without a server. */
export const without = (list: string, server: HostPort): string => {
  const name = nameOf(server)
  const lines = list.split("\n").filter((line) => line !== "" && !isAbout(line, name))
  return lines.map((line) => `${line}\n`).join("")
}

/** The list with the key of a server in place of the one it had. */
export const withKey = (list: string, server: HostPort, serverKey: Uint8Array): string =>
  `${without(list, server)}${nameOf(server)} ${formatKey(serverKey)}\n`
