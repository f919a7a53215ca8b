/** The part of the npm package `libsodium`, which brings no types, that is used here. */
declare module "libsodium" {
  const factory: (options: {
    /** 32 random bits; the package itself finds none in Node's modules. */
    readonly getRandomValue: () => number
  }) => Promise<import("./Sodium.ts").Libsodium>
  export default factory
}
