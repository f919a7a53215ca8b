import { promise } from "./seeds.ts"

promise(501, 1000)
