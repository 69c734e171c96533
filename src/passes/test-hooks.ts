/** What the tests of crashes and of timing make a link do. No user's link has any of it. */
import type { PoolFault } from "../staging/index.ts";
import type { Workers } from "./workers.ts";

export interface TestHooks {
  readonly fault?: PoolFault;
  /** Seed of random sleeps in the workers. */
  readonly delays?: number;
  /** Rows of each chunk. Default: each kernel's own bounds. */
  readonly chunkRows?: number;
  /** Work is divided as finely as it can be, however little there is. */
  readonly isSpread?: boolean;
  /** On the first try, hashes keep few bits, so that names collide. */
  readonly hasCollisions?: boolean;
  /** Archives are searched by their indexes, however small they are. */
  readonly searchesAll?: boolean;
  /** Is given the workers of each try. What they ran stays readable when the link has failed. */
  readonly onSpawn?: (workers: Workers) => void;
}
