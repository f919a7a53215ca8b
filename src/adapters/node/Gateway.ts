/**
 * Which router this machine sends through, for IPv4: from the routing table where the system shows one as a file (Linux),
 * and otherwise the first address of each private network that it is in, which is where home routers are.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"

export interface Gateway {
  readonly router: string
  /** Our own address in its network. */
  readonly local: string
}

/** The most likely first; four at most. */
export const gateways: Effect.Effect<ReadonlyArray<Gateway>> = Effect.map(
  Effect.orElseSucceed(
    Effect.tryPromise(() => Fs.readFile("/proc/net/route", "utf8")),
    () => undefined,
  ),
  (table) => choose(table === undefined ? undefined : defaultRouters(table), own()).slice(0, 4),
)

/** An IPv4 address of this machine with its network's mask. */
export interface Own {
  readonly address: string
  readonly netmask: string
}

const own = (): ReadonlyArray<Own> =>
  Object.values(Os.networkInterfaces())
    .flatMap((interfaces) => interfaces ?? [])
    .filter(({ family, internal }) => family === "IPv4" && !internal)

/**
 * @param routers as the routing table has them; none if there is no table to be seen
 */
export const choose = (
  routers: ReadonlyArray<string> | undefined,
  addresses: ReadonlyArray<Own>,
): ReadonlyArray<Gateway> =>
  routers === undefined
    ? addresses
        .filter(({ address }) => isPrivate.test(address))
        .map(({ address, netmask }) => ({
          router: toText((toNumber(address) & toNumber(netmask)) + 1),
          local: address,
        }))
        .filter(({ router, local }) => router !== local)
    : routers.flatMap((router) => {
        const near = addresses.find(
          ({ address, netmask }) => ((toNumber(address) ^ toNumber(router)) & toNumber(netmask)) === 0,
        )
        const local = near ?? addresses[0]
        return local === undefined ? [] : [{ router, local: local.address }]
      })

/** RFC 1918 and RFC 6598. */
const isPrivate = /^10\.|^192\.168\.|^172\.(?:1[6-9]|2\d|3[01])\.|^100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./

/** The routers of the default routes in Linux's table, the one with the lowest metric first. */
export const defaultRouters = (table: string): ReadonlyArray<string> =>
  table
    .split("\n")
    .map((line) => line.split("\t"))
    .filter(
      ([, destination, router = "", , , , , mask]) =>
        destination === "00000000" && mask === "00000000" && /^[0-9A-F]{8}$/.test(router) && router !== "00000000",
    )
    .toSorted((a, b) => Number(a[6]) - Number(b[6]))
    .map(([, , router = ""]) =>
      // In the byte order of the machine, which is little-endian wherever Node runs.
      [6, 4, 2, 0].map((at) => Number.parseInt(router.slice(at, at + 2), 16)).join("."),
    )

const toNumber = (address: string): number => address.split(".").reduce((all, part) => (all << 8) | Number(part), 0)

const toText = (address: number): string => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".")
