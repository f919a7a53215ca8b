import { promise } from "./seeds.ts"

promise(1, 500)
