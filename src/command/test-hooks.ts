/**
 * What the tests of crashes and of timing ask of a link, by environment variables. A production run has none.
 *
 *     SPORE_TEST_FAULT=kernel:point[:chunk[:signal[:again]]]   ends the worker that gets there, once, or again
 *                                                              each time, so that the retry ends too
 *     SPORE_TEST_DELAYS=seed        workers pause at random before their chunks
 *     SPORE_TEST_CHUNK_ROWS=rows    chunks have so many rows, whatever they hold
 *     SPORE_TEST_SPREAD=1           a small link is divided like a large one: among several workers, in chunks of one
 *                                   file and as many partitions as there may be
 *     SPORE_TEST_COLLISIONS=1       hashes of the first try collide
 *     SPORE_TEST_SEARCH=1           archives are searched by their indexes, however small they are
 *
 * The points are those of PoolFault: reserve, claim, first, middle, last.
 */
import type { TestHooks } from "../passes/test-hooks.ts";
import type { PoolFault } from "../staging/index.ts";

const points: readonly PoolFault["at"][] = ["reserve", "claim", "first", "middle", "last"];

/** @throws RangeError for a fault that is not understood: a test that tests nothing is worse than none */
export function testHooksOf(env: Readonly<Record<string, string | undefined>>): TestHooks {
  const {
    SPORE_TEST_FAULT: fault,
    SPORE_TEST_DELAYS: delays,
    SPORE_TEST_CHUNK_ROWS: chunkRows,
    SPORE_TEST_SPREAD: spread,
    SPORE_TEST_COLLISIONS: collisions,
    SPORE_TEST_SEARCH: search,
  } = env;
  return {
    ...(fault === undefined ? {} : { fault: faultOf(fault) }),
    ...(delays === undefined ? {} : { delays: Number(delays) }),
    ...(chunkRows === undefined ? {} : { chunkRows: Number(chunkRows) }),
    isSpread: spread !== undefined,
    hasCollisions: collisions !== undefined,
    searchesAll: search !== undefined,
  };
}

function faultOf(text: string): PoolFault {
  const [kernel = "", point, chunk, signal = "", again] = text.split(":");
  const at = points.find((known) => known === point);
  if (at === undefined) throw new RangeError(`SPORE_TEST_FAULT: no point "${point}" in "${text}"`);
  return {
    at,
    signal: (signal === "" ? "SIGKILL" : signal) as NodeJS.Signals,
    once: again === undefined,
    ...(kernel === "" ? {} : { kernel }),
    ...(chunk === undefined || chunk === "" ? {} : { chunk: Number(chunk) }),
  };
}
