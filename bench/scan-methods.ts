/** Ways to do what the linker does first with its inputs, for bench/staging.ts: scan them, in many jobs over shared tables. */
import { nothingSaid } from "../src/inputs/script-layout.ts";
import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";

import { Diagnostics } from "../src/diagnostics/diagnostics.ts";
import type { LinkOptions } from "../src/options/link-options.ts";
import { parseOptions } from "../src/options/parse.ts";
import type { InputFile } from "../src/inputs/input-file.ts";
import type { Inputs } from "../src/passes/find-inputs.ts";
import { listFiles, listInputs, scan } from "../src/passes/scan.ts";
import { spawn } from "../src/passes/spawn.ts";
import type { Workers } from "../src/passes/workers.ts";
import { type StagedSet, stageFiles, StageMode } from "../src/staging/index.ts";
import { addressOf, workersInProcess } from "./in-process-kernels.ts";
import { type Method, nothingToClose } from "./staging-method.ts";

/** What a scan found: the same whoever scans. */
interface Found {
  readonly mentions: number;
  /** Of the first mention of each mention's name. */
  readonly digest: string;
}

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
    mapped: {
      path,
      type: { kind: "object" },
      size: sizes[i],
      address: addresses[i],
      bytes: () => staged[0]?.bytes(i) ?? new Uint8Array(),
      bytesAt: (offset, size) => (staged[0]?.bytes(i) ?? new Uint8Array()).subarray(offset, offset + size),
    },
    libraryName: undefined,
    isWholeArchive: false,
    isAsNeeded: false,
    isLazy: false,
    isExcludedLibrary: false,
    isIndirect: false,
    missing: undefined,
  }));
  return {
    files,
    staged,
    scriptEntry: undefined,
    scriptOutput: undefined,
    isScriptOutputBinary: false,
    scriptUndefinedSymbols: [],
    layout: nothingSaid,
    replacesPlan: false,
    versionScripts: [],
    dynamicList: [],
    symbolOrder: [],
    calls: [],
    openedPaths: paths,
    searchedDirectories: [],
    [Symbol.dispose]: () => undefined,
  };
}

async function scanInProcess(paths: readonly string[], buffers: readonly Buffer[]): Promise<() => Found> {
  const sizes = buffers.map(({ length }) => length);
  const inputs = inputsOf(paths, buffers.map(addressOf), sizes);
  const workers = workersInProcess(inputs, noOptions);
  listInputs(workers, inputs, undefined);
  await scan(workers, await listFiles(workers), noOptions);
  const found = foundIn(workers);
  await workers[Symbol.asyncDispose]();
  return found;
}

/** What is in the tables, which may be gone when it is asked for. @throws Error for what is bad */
function foundIn({ tables }: Workers): () => Found {
  const findings = tables.get("findingCount");
  if (findings !== 0) throw new Error(`${findings} files or symbols are bad`);
  const mentions = tables.rows("mention");
  const symbols = tables.column("mention", "symbol").slice(0, mentions);
  return () => ({ mentions, digest: createHash("sha256").update(symbols).digest("hex") });
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

const readAndScan: Method = {
  name: "readFile, one by one",
  kind: "scan",
  role: "baseline",
  start: ({ paths }) => ({
    ...nothingToClose,
    run: () =>
      scanInProcess(
        paths,
        paths.map((path) => readFileSync(path)),
      ),
  }),
};

/** The best that reading can do: a process that has done it before and kept its memory. */
const readAgainAndScan: Method = {
  name: "read into memory that is there",
  kind: "scan",
  start: ({ paths }) => {
    const buffers = paths.map((path) => Buffer.alloc(statSync(path).size, 1));
    return {
      ...nothingToClose,
      run: () => {
        for (const [i, path] of paths.entries()) readInto(path, buffers[i]);
        return scanInProcess(paths, buffers);
      },
    };
  },
};

const scanInMemory: Method = {
  name: "in memory, nothing read",
  kind: "scan",
  role: "bound",
  start: ({ paths }) => {
    const buffers = paths.map((path) => readFileSync(path));
    return { ...nothingToClose, run: () => scanInProcess(paths, buffers) };
  },
};

const readAndParse: Method = {
  name: "readFile and elfy: headers, no symbols",
  kind: "scan",
  isCompared: false,
  start: async ({ paths }) => {
    const { default: elfy } = (await import("elfy" as string)) as { default: { parse(file: Buffer): unknown } };
    return {
      ...nothingToClose,
      run: () => {
        for (const path of paths) elfy.parse(readFileSync(path));
        return Promise.resolve(() => undefined);
      },
    };
  },
};

const stageAndScan: Method = {
  name: "staged, the linker's workers",
  kind: "scan",
  keeps: "pool",
  isScaled: true,
  start: async ({ paths, workers: count }) => {
    const set = stageFiles(StageMode.MmapShared, paths);
    const workers = await spawnOver(set, count);
    return {
      run: async () => {
        listInputs(workers, stagedInputs(set), undefined);
        await scan(workers, await listFiles(workers), noOptions);
        return foundIn(workers);
      },
      close: async () => {
        await workers[Symbol.asyncDispose]();
        set.close();
      },
    };
  },
};

/** In the order of the table. */
export const scanMethods: readonly Method[] = [readAndScan, scanInMemory, readAgainAndScan, readAndParse, stageAndScan];
