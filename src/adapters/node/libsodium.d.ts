/** The npm package `libsodium` brings no types. `Sodium.ts` says what is in it. */
declare module "libsodium" {
  const factory: (options: {
    /** 32 random bits: the package itself finds none in an ES module of Node. */
    readonly getRandomValue: () => number
  }) => Promise<unknown>
  export default factory
}
