/** What a router granted, or says it did. */
import type { Endpoint } from "../Endpoint.ts"
import { isPort, isUnicast } from "../Endpoint.ts"

export interface Granted {
  readonly external: Endpoint
  /** In seconds. */
  readonly lifetime: number
}

/** Whether others could be told of this endpoint at all: a port, and an address that is one host's and not this machine's. */
export const isUsable = ({ address, port }: Endpoint): boolean =>
  isPort(port) && isUnicast(address) && !/^127\.|^169\.254\./.test(address)
