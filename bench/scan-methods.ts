/** Ways to scan a set of files, each run in a process of its own: bench/staging.ts starts and compares them. */
import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";

import { Diagnostics } from "../src/diagnostics/diagnostics.ts";
import type { LinkOptions } from "../src/options/link-options.ts";
import { parseOptions } from "../src/options/parse.ts";
import type { InputFile, Inputs } from "../src/passes/find-inputs.ts";
import { listInputs, scan } from "../src/passes/scan.ts";
import { spawn } from "../src/passes/spawn.ts";
import type { Workers } from "../src/passes/workers.ts";
import { type StagedSet, stageFiles, StageMode } from "../src/staging/index.ts";
import { addressOf, workersInProcess } from "./in-process-kernels.ts";

/** What a scan found: the same whoever scans. */
export interface Found {
  readonly mentions: number;
  /** Files and symbols that are bad. */
  readonly findings: number;
  /** Of the first mention of each mention's name. */
  readonly digest: string;
}

/** Sees the tables of a scan before they are gone. */
type Look = (workers: Workers) => void;

interface Prepared extends AsyncDisposable {
  /** Scans once: what is timed. */
  run(look?: Look): Promise<void>;
}

/** One way to scan. What `prepare` does is off the clock. */
export interface Method {
  readonly name: string;
  /** False when it finds something else than symbols, which is not compared. */
  readonly isScan: boolean;
  prepare(paths: readonly string[], workers: number): Promise<Prepared> | Prepared;
}

const nothingToDispose = { [Symbol.asyncDispose]: () => Promise.resolve() };

/** The inputs of a link that has these files and nothing else. */
function inputsOf(
  paths: readonly string[],
  addresses: ArrayLike<number>,
  sizes: ArrayLike<number>,
  staged: readonly StagedSet[] = [],
): Inputs {
  const files = paths.map((path, i): InputFile => ({
    kind: "object",
    path,
    displayName: path,
    stagedSet: 0,
    stagedIndex: i,
    address: addresses[i],
    size: sizes[i],
    libraryName: undefined,
    isWholeArchive: false,
    isAsNeeded: false,
    isLazy: false,
    isExcludedLibrary: false,
    isIndirect: false,
  }));
  return {
    files,
    staged,
    scriptEntry: undefined,
    scriptOutput: undefined,
    scriptUndefinedSymbols: [],
    versionScripts: [],
    dynamicList: [],
    openedPaths: paths,
    searchedDirectories: [],
    [Symbol.dispose]: () => undefined,
  };
}

async function scanInProcess(paths: readonly string[], buffers: readonly Buffer[], look?: Look): Promise<void> {
  await using workers = workersInProcess();
  const sizes = buffers.map(({ length }) => length);
  listInputs(workers, inputsOf(paths, buffers.map(addressOf), sizes), undefined);
  await scan(workers, noOptions);
  look?.(workers);
}

const stagedInputs = (set: StagedSet): Inputs => inputsOf(set.paths, set.addresses, set.sizes, [set]);

const optionsWith = (...options: readonly string[]): LinkOptions =>
  parseOptions([...options, "x.o"], new Diagnostics());
const noOptions = optionsWith();

function spawnOver(set: StagedSet, workers: number): Promise<Workers> {
  return spawn(stagedInputs(set), optionsWith(`--threads=${workers}`), new Diagnostics(), 0, {});
}

/** Reads a file into memory that has pages already. */
function readInto(path: string, buffer: Buffer): void {
  const descriptor = openSync(path, "r");
  for (let at = 0; at < buffer.length;) {
    const read = readSync(descriptor, buffer, at, buffer.length - at, null);
    if (read === 0) throw new Error(`${path} shrank`);
    at += read;
  }
  closeSync(descriptor);
}

export const readAndScan: Method = {
  name: "read + kernels",
  isScan: true,
  prepare: (paths) => ({
    ...nothingToDispose,
    run: (look) => {
      const buffers = paths.map((path) => readFileSync(path));
      return scanInProcess(paths, buffers, look);
    },
  }),
};

/** The best that reading can do: a process that has done it before and kept its memory. */
export const readAgainAndScan: Method = {
  name: "read again + kernels",
  isScan: true,
  prepare: (paths) => {
    const buffers = paths.map((path) => Buffer.alloc(statSync(path).size, 1));
    return {
      ...nothingToDispose,
      run: (look) => {
        for (const [i, path] of paths.entries()) readInto(path, buffers[i]);
        return scanInProcess(paths, buffers, look);
      },
    };
  },
};

export const readAndParse: Method = {
  name: "read + elfy",
  isScan: false,
  prepare: async (paths) => {
    const { default: elfy } = (await import("elfy" as string)) as { default: { parse(file: Buffer): unknown } };
    return {
      ...nothingToDispose,
      run: () => {
        for (const path of paths) elfy.parse(readFileSync(path));
        return Promise.resolve();
      },
    };
  },
};

export const stageAndSpawn: Method = {
  name: "staged, new workers",
  isScan: true,
  prepare: (paths, count) => ({
    ...nothingToDispose,
    run: async (look) => {
      using set = stageFiles(StageMode.MmapShared, paths);
      await using workers = await spawnOver(set, count);
      listInputs(workers, stagedInputs(set), undefined);
      await scan(workers, noOptions);
      look?.(workers);
    },
  }),
};

export const stagedBefore: Method = {
  name: "staged, warm pool",
  isScan: true,
  prepare: async (paths, count) => {
    const set = stageFiles(StageMode.MmapShared, paths);
    const workers = await spawnOver(set, count);
    return {
      run: async (look) => {
        listInputs(workers, stagedInputs(set), undefined);
        await scan(workers, noOptions);
        look?.(workers);
      },
      [Symbol.asyncDispose]: async () => {
        await workers[Symbol.asyncDispose]();
        set.close();
      },
    };
  },
};

/** In the order of the table. */
export const methods: readonly Method[] = [readAndScan, readAgainAndScan, readAndParse, stageAndSpawn, stagedBefore];

/** Scans once and says what was found. */
export async function check(prepared: Prepared): Promise<Found | undefined> {
  let found: Found | undefined;
  await prepared.run(({ tables }) => {
    const mentions = tables.rows("mention");
    const symbols = tables.column("mention", "symbol").slice(0, mentions);
    const digest = createHash("sha256").update(symbols).digest("hex");
    found = { mentions, findings: tables.get("findingCount"), digest };
  });
  return found;
}
