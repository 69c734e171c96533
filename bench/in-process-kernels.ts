/** The linker's kernels in this process, over bytes that were read: what staging and workers are compared with. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

import { Diagnostics } from "../src/diagnostics/diagnostics.ts";
import type { LinkOptions } from "../src/options/link-options.ts";
import type { Inputs } from "../src/passes/find-inputs.ts";
import { tablesOf } from "../src/passes/spawn.ts";
import { Workers } from "../src/passes/workers.ts";
import { Arena, type JobOptions, type JobReport, type WorkerPool } from "../src/staging/index.ts";
import { packageRoot } from "./measure.ts";

interface InProcess {
  run(kernel: string, arena: number, args: Uint8Array, rows: number): number;
  addressOf(bytes: Uint8Array): number;
}

const source = join(packageRoot, "bench", "in-process-kernels.cc");
const output = join(packageRoot, "build", "bench", "in-process.node");

/** What the addon was built from: the same object code that runs in workers. */
function objectFiles(): string[] {
  const folder = join(packageRoot, "native", "build", "Release", "obj.target", "spore");
  // By source: objects of sources that are gone stay in the folder.
  const below = (name: string): string[] =>
    readdirSync(join(packageRoot, "native", name))
      .filter((file) => file.endsWith(".cc"))
      .map((file) => join(folder, name, file.replace(/cc$/, "o")));
  const kernels = ["kernels", "targets", "tables", "generated"].flatMap(below);
  return [...kernels, ...["builtin-kernels.o", "kernel-registry.o"].map((name) => join(folder, "staging", name))];
}

function build(): void {
  const inputs = [source, ...objectFiles()];
  const changed = (file: string): number => statSync(file).mtimeMs;
  if (existsSync(output) && inputs.every((file) => changed(file) < changed(output))) return;
  const prefixes = [process.env["npm_config_nodedir"], dirname(dirname(process.execPath)), "/usr"];
  const includes = prefixes.map((prefix) => join(prefix ?? "", "include", "node"));
  const headers = includes.find((folder) => existsSync(join(folder, "node_api.h")));
  if (headers === undefined) throw new Error("Node's headers (include/node/node_api.h) not found");
  mkdirSync(dirname(output), { recursive: true });
  const native = join(packageRoot, "native");
  const flags = ["-shared", "-fPIC", "-O2", "-std=c++20", "-fno-rtti", "-fvisibility=hidden"];
  const folders = [`-I${native}`, `-I${join(native, "include")}`, `-I${headers}`];
  execFileSync("g++", [...flags, ...folders, ...inputs, "-o", output], { stdio: "inherit" });
}

let loaded: InProcess | undefined;

function inProcess(): InProcess {
  if (loaded !== undefined) return loaded;
  build();
  const module = { exports: {} };
  process.dlopen(module, output);
  return (loaded = module.exports as InProcess);
}

export function addressOf(bytes: Uint8Array): number {
  return inProcess().addressOf(bytes);
}

/** The addon, built: a thread or another process loads it to run kernels over bytes (bench/staging-work.mjs). */
export function inProcessAddon(): string {
  inProcess();
  return output;
}

/** What a pass sees of a pool, without processes: a job is one call. */
class NoPool {
  readonly size = 1;
  readonly #arena: Arena;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  run(kernel: string, { rows, args }: JobOptions): Promise<JobReport> {
    const status = inProcess().run(kernel, this.#arena.baseAddress, args ?? new Uint8Array(), rows);
    if (status !== 0) throw new Error(`${kernel} returned ${status}`);
    return Promise.resolve({ kernel, rows, chunks: 1, wallMs: 0, workers: [], retriedChunks: 0 });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The tables of such a link, whose kernels run in this process. What a kernel does over a bad input, it does to this process. */
export function workersInProcess(inputs: Inputs, options: LinkOptions): Workers {
  const arena = Arena.create();
  const tables = tablesOf(arena, inputs, options, 0, false);
  return new Workers(arena, new NoPool(arena) as unknown as WorkerPool, tables, new Diagnostics());
}
