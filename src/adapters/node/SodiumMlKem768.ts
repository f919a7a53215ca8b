/**
 * ML-KEM-768 (FIPS 203) with libsodium. `node:crypto` has it as well, but draws its randomness itself.
 */
import {
  kemCiphertextBytes,
  kemPublicKeyBytes,
  kemSeedBytes,
  keyBytes,
  type MlKem768,
} from "../../domain/crypto/Primitives.ts"
import type { Sodium } from "./Sodium.ts"

/** The decapsulation key in full, as FIPS 203 writes it: it never leaves the heap. */
const secretKeyBytes = 2400

export const make = ({ borrow, library }: Sodium): MlKem768 => {
  const publicAt = kemSeedBytes
  const secretAt = publicAt + kemPublicKeyBytes
  const ciphertextAt = secretAt + secretKeyBytes
  const sharedAt = ciphertextAt + kemCiphertextBytes
  const bytes = sharedAt + keyBytes

  const keyPair = (base: number, seed: Uint8Array): void => {
    if (seed.length !== kemSeedBytes) throw new RangeError(`A seed of ${kemSeedBytes} bytes`)
    library.HEAPU8.set(seed, base)
    library._crypto_kem_mlkem768_seed_keypair(base + publicAt, base + secretAt, base)
  }
  const read = (address: number, length: number): Uint8Array => library.HEAPU8.slice(address, address + length)

  return {
    publicKey: (seed) =>
      borrow(bytes, (base) => {
        keyPair(base, seed)
        return read(base + publicAt, kemPublicKeyBytes)
      }),
    encapsulate: (publicKey, entropy) => {
      if (entropy.length !== keyBytes) throw new RangeError(`${keyBytes} random bytes`)
      if (publicKey.length !== kemPublicKeyBytes) return undefined
      return borrow(bytes, (base) => {
        library.HEAPU8.set(entropy, base)
        library.HEAPU8.set(publicKey, base + publicAt)
        // Refuses a key with a coefficient that is not below the modulus, as FIPS 203 asks.
        const status = library._crypto_kem_mlkem768_enc_deterministic(
          base + ciphertextAt,
          base + sharedAt,
          base + publicAt,
          base,
        )
        return status === 0
          ? { ciphertext: read(base + ciphertextAt, kemCiphertextBytes), sharedSecret: read(base + sharedAt, keyBytes) }
          : undefined
      })
    },
    decapsulate: (seed, ciphertext) => {
      if (ciphertext.length !== kemCiphertextBytes) return undefined
      return borrow(bytes, (base) => {
        keyPair(base, seed)
        library.HEAPU8.set(ciphertext, base + ciphertextAt)
        library._crypto_kem_mlkem768_dec(base + sharedAt, base + ciphertextAt, base + secretAt)
        return read(base + sharedAt, keyBytes)
      })
    },
  }
}
