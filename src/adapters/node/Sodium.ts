/**
 * libsodium as WebAssembly, used directly on its heap: arguments are copied in, results out (docs/decisions/0005).
 *
 * One area of the heap is set aside for the arguments of whatever runs: all is synchronous, so there is one user at a
 * time, and that one leaves no secret behind. Lengths are pairs, the low and the high 32 bits; addresses are offsets.
 */
import * as Crypto from "node:crypto"
import * as Effect from "effect/Effect"

type Address = number
/** 0 is success. */
type Status = number

type Encrypt = (
  ciphertext: Address,
  ciphertextLength: Address,
  message: Address,
  messageLow: number,
  messageHigh: number,
  associatedData: Address,
  associatedLow: number,
  associatedHigh: number,
  unused: Address,
  nonce: Address,
  key: Address,
) => Status

type Decrypt = (
  message: Address,
  messageLength: Address,
  unused: Address,
  ciphertext: Address,
  ciphertextLow: number,
  ciphertextHigh: number,
  associatedData: Address,
  associatedLow: number,
  associatedHigh: number,
  nonce: Address,
  key: Address,
) => Status

export interface Libsodium {
  /** The heap; another object once it has grown. */
  readonly HEAPU8: Uint8Array<ArrayBuffer>
  /** 0 if there is no room. */
  readonly _malloc: (length: number) => Address
  readonly _free: (address: Address) => void
  /** Negative on failure. */
  readonly _sodium_init: () => number
  readonly _crypto_aead_chacha20poly1305_ietf_encrypt: Encrypt
  readonly _crypto_aead_chacha20poly1305_ietf_decrypt: Decrypt
  readonly _crypto_aead_xchacha20poly1305_ietf_encrypt: Encrypt
  readonly _crypto_aead_xchacha20poly1305_ietf_decrypt: Decrypt
  readonly _crypto_kem_mlkem768_seed_keypair: (publicKey: Address, secretKey: Address, seed: Address) => Status
  readonly _crypto_kem_mlkem768_enc_deterministic: (
    ciphertext: Address,
    sharedSecret: Address,
    publicKey: Address,
    entropy: Address,
  ) => Status
  readonly _crypto_kem_mlkem768_dec: (sharedSecret: Address, ciphertext: Address, secretKey: Address) => Status
}

export interface Sodium {
  readonly library: Libsodium
  /** Where the area begins. */
  readonly area: Address
  /**
   * Calls `use` with the address of so many bytes: the area, or where it is too small, a piece of the heap for this
   * call. They are wiped afterwards.
   */
  readonly borrow: <A>(length: number, use: (address: Address) => A) => A
}

/** Room for a Noise message of any size, its key, nonce and associated data. */
export const areaBytes = 80 * 1024

const make = (library: Libsodium): Sodium => {
  const allocate = (length: number): Address => {
    const address = library._malloc(length)
    // Everything that comes from a network or a disk is bounded before it gets here; this is as when memory runs out.
    if (address === 0) throw new RangeError(`No room for ${length} bytes on the heap of libsodium`)
    return address
  }
  const area = allocate(areaBytes)
  return {
    library,
    area,
    borrow: (length, use) => {
      const address = length <= areaBytes ? area : allocate(length)
      const result = use(address)
      library.HEAPU8.fill(0, address, address + length)
      if (address !== area) library._free(address)
      return result
    },
  }
}

/** Loads the library: some 25 ms, so it is imported only here. */
export const load: Effect.Effect<Sodium> = Effect.promise(async () => {
  const { default: factory } = await import("libsodium")
  const library = (await factory({ getRandomValue: () => Crypto.randomBytes(4).readUInt32LE() })) as Libsodium
  if (library._sodium_init() < 0) throw new Error("libsodium does not start")
  return make(library)
})
