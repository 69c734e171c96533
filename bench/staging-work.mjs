/**
 * The work that bench/staging.ts has done over files, and its ways into piscina, a pool and forked workers. Plain
 * JavaScript, which threads and child processes of every Node load as it is.
 */
import { readFileSync } from "node:fs";

/** FNV-1a, 32 bits. */
function checksum(bytes) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash >>> 0;
}

function countLines(bytes) {
  let lines = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === 10) lines++;
  return lines;
}

/** By the names of the kernels that do the same. */
const functions = { checksum, "count-lines": countLines };

let kernels;

/**
 * The work as a function of a file's bytes.
 * @param {import("./staging-method.ts").Job} job
 * @returns {(bytes: Uint8Array) => number}
 */
export function workOf({ work, addon }) {
  if (addon === undefined) return functions[work];
  if (kernels === undefined) {
    const module = { exports: {} };
    process.dlopen(module, addon);
    kernels = module.exports;
  }
  return (bytes) => kernels.runOverBytes(work, bytes);
}

/**
 * For piscina, and for child processes.
 * @param {{ job: import("./staging-method.ts").Job, paths: readonly string[] }} task
 * @returns {number[]}
 */
export default function readAndWork({ job, paths }) {
  const work = workOf(job);
  return paths.map((path) => work(readFileSync(path)));
}

/** For a pool's map(): the results of its chunk of the files. No job is a task that is there to be answered. */
export function workOnChunk(job, { files, range }) {
  if (job === null) return [];
  const work = workOf(job);
  return files.slice(range.begin, range.end).map((file) => work(file.bytes()));
}

/** For a worker of its own: takes the next file until there is none. */
export function workOnNext({ files, args: { job, results, next }, arena }) {
  const work = workOf(job);
  const column = arena.column(results);
  const taken = arena.column(next);
  for (;;) {
    const index = taken.add(0, 1);
    if (index >= files.length) return;
    column.array[index] = work(files[index].bytes());
  }
}
