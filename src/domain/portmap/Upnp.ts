/**
 * The texts of UPnP that a port mapping needs: the search for a router (UPnP Device Architecture 1.1, section 1.3.2), its
 * description, and the actions of WANIPConnection:1 and :2 and WANPPPConnection:1.
 *
 * XML is not parsed but searched for the few elements that matter: they have no attributes and no nesting of their own.
 * Whatever the text is, it is read in time proportional to its length, and what is found is checked as anything else that
 * came from the network.
 */
import * as Option from "effect/Option"
import { canonicalAddress, type Endpoint } from "../Endpoint.ts"

export const multicast: Endpoint = { address: "239.255.255.250", port: 1900 }

const device = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"

const services: ReadonlyArray<string> = [
  "urn:schemas-upnp-org:service:WANIPConnection:2",
  "urn:schemas-upnp-org:service:WANIPConnection:1",
  "urn:schemas-upnp-org:service:WANPPPConnection:1",
]

/** The longest description or answer that is read, in bytes. */
export const maxTextBytes = 64 * 1024

/** Asks who is a router, to be sent to `multicast` or to one router's port 1900. */
export const search: string = [
  "M-SEARCH * HTTP/1.1",
  `HOST: ${multicast.address}:${multicast.port}`,
  'MAN: "ssdp:discover"',
  "MX: 1",
  `ST: ${device}`,
  "",
  "",
].join("\r\n")

/** A place at the router where HTTP is spoken. */
export interface Place extends Endpoint {
  /** Begins with `/`. */
  readonly path: string
}

/**
 * Where the description is, from an answer to the search.
 *
 * @param router the address that the answer must be about: nobody else is ever asked for anything
 */
export const location = (answer: string, router: string): Place | undefined => {
  if (!/^HTTP\/1\.[01] 200 /.test(answer)) return undefined
  const line = answer.split("\r\n", 64).find((line) => /^location:/i.test(line))
  return line === undefined ? undefined : place(line.slice("location:".length).trim(), router)
}

/** A whole URL of the router. */
const place = (url: string, router: string): Place | undefined => {
  const parts = /^http:\/\/([0-9.]{7,15})(?::([0-9]{1,5}))?(\/[\x21-\x7e]{0,1023})?$/i.exec(url)
  if (parts === null) return undefined
  const [, address = "", portText = "80", path = "/"] = parts
  const port = Number(portText)
  if (address !== router || port < 1 || port > 65_535) return undefined
  return { address, port, path }
}

/** Where actions are asked for, and of what service. */
export interface Control {
  readonly place: Place
  readonly service: string
}

/** The service that maps ports, from the description at `described`. */
export const control = (description: string, described: Place): Control | undefined => {
  const found = new Map<string, string>()
  for (const part of description.split("<service>").slice(1, 65)) {
    const service = element(part, "serviceType")
    const url = element(part, "controlURL")
    if (service !== undefined && url !== undefined && !found.has(service)) found.set(service, url)
  }
  for (const service of services) {
    const url = found.get(service)
    if (url === undefined) continue
    const path = url.startsWith("/") ? url : `/${url}`
    const at = /^http:/i.test(url)
      ? place(url, described.address)
      : /^\/[\x21-\x7e]{0,1023}$/.test(path)
        ? { ...described, path }
        : undefined
    if (at !== undefined) return { place: at, service }
  }
  return undefined
}

/** The text of the first element of this name. */
const element = (text: string, name: string): string | undefined => {
  const start = text.indexOf(`<${name}>`)
  if (start < 0) return undefined
  const from = start + name.length + 2
  const end = text.indexOf("</", from)
  const inner = end < 0 ? "" : text.slice(from, end).trim()
  return inner === "" || inner.length > 1024 || inner.includes("<") ? undefined : inner
}

export interface Action {
  /** The value of the header SOAPACTION. */
  readonly header: string
  readonly body: string
}

const action = (service: string, name: string, fields: ReadonlyArray<readonly [string, string | number]>): Action => ({
  header: `"${service}#${name}"`,
  body:
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
    `<u:${name} xmlns:u="${service}">${fields.map(([key, value]) => `<${key}>${value}</${key}>`).join("")}</u:${name}>` +
    "</s:Body></s:Envelope>",
})

export const getExternalAddress = (service: string): Action => action(service, "GetExternalIPAddress", [])

/** @param lifetime in seconds, never 0: that would be for ever */
export const addMapping = (
  service: string,
  mapping: { readonly externalPort: number; readonly internal: Endpoint; readonly lifetime: number },
): Action =>
  action(service, "AddPortMapping", [
    ["NewRemoteHost", ""],
    ["NewExternalPort", mapping.externalPort],
    ["NewProtocol", "UDP"],
    ["NewInternalPort", mapping.internal.port],
    ["NewInternalClient", mapping.internal.address],
    ["NewEnabled", 1],
    ["NewPortMappingDescription", "nomitm"],
    ["NewLeaseDuration", Math.max(1, mapping.lifetime)],
  ])

export const deleteMapping = (service: string, externalPort: number): Action =>
  action(service, "DeletePortMapping", [
    ["NewRemoteHost", ""],
    ["NewExternalPort", externalPort],
    ["NewProtocol", "UDP"],
  ])

/** The address in an answer to `getExternalAddress`. */
export const externalAddress = (answer: string): string | undefined => {
  const text = element(answer, "NewExternalIPAddress")
  return text === undefined ? undefined : Option.getOrUndefined(canonicalAddress(text))
}

/** Whether the port is taken by another mapping: ConflictInMappingEntry, or ConflictWithOtherMechanisms. */
export const isConflict = (answer: string): boolean => /^(?:718|729)$/.test(element(answer, "errorCode") ?? "")
