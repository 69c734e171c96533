/** Runs TypeScript in a Node process, or a worker_thread, of its own: for what would end or disturb the test's. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

import { buildSync } from "esbuild";

const root = join(import.meta.dirname, "..", "..");
const prelude = `
  import * as staging from ${JSON.stringify(join(root, "src/staging/index.ts"))};
  import { addon } from ${JSON.stringify(join(root, "src/addon/load.ts"))};
  import * as fs from "node:fs";
  import * as worker_threads from "node:worker_threads";
  const { Arena, File, StageMode, WorkerPool, stage, stageFiles, spawnWorkerWithStaging, spawnWorkersWithStaging } = staging;
  const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const say = (value: unknown) => fs.writeSync(1, JSON.stringify(value) + "\\n");
`;
let count = 0;

/** Bundles a script where the addon is found from; the staging API, \`sleep\` and \`say\` are in scope. */
export function bundle(source: string): string {
  const folder = join(root, "build", "test-scripts");
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `${process.pid}-${count++}.mjs`);
  buildSync({
    stdin: { contents: prelude + source, resolveDir: root, loader: "ts" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    outfile,
    logLevel: "error",
  });
  return outfile;
}

export interface Running {
  readonly pid: number;
  /** What the script has said so far, and says: one value per line. */
  readonly lines: AsyncIterator<unknown>;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string; said: unknown[] }>;
  kill(signal: NodeJS.Signals): void;
}

/** Starts a script in a Node process. */
export function start(source: string, args: readonly string[] = [], nodeFlags: readonly string[] = []): Running {
  const file = bundle(source);
  const child = spawn(process.execPath, [...nodeFlags, file, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const said: unknown[] = [];
  const waiting: ((line: IteratorResult<unknown>) => void)[] = [];
  let read = 0;
  let rest = "";
  let stderr = "";
  let isOver = false;
  const serve = () => {
    while (waiting.length > 0 && read < said.length) waiting.shift()!({ value: said[read++], done: false });
    if (isOver) while (waiting.length > 0) waiting.shift()!({ value: undefined, done: true });
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    said.push(...lines.map((line) => JSON.parse(line) as unknown));
    serve();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<Awaited<Running["ended"]>>((resolve) => {
    child.on("close", (code, signal) => {
      isOver = true;
      serve();
      rmSync(file, { force: true });
      resolve({ code, signal, stderr, said });
    });
  });
  return {
    pid: child.pid!,
    lines: { next: () => new Promise((resolve) => (waiting.push(resolve), serve())) },
    ended,
    kill: (signal) => void child.kill(signal),
  };
}

/** Runs a script to its end; what it said, or an error with what it wrote to stderr. */
export async function run(source: string, args: readonly string[] = [], nodeFlags: readonly string[] = []) {
  const end = await start(source, args, nodeFlags).ended;
  if (end.code !== 0) throw new Error(`the script ended with ${end.code ?? end.signal}: ${end.stderr}`);
  return end.said;
}

/** Starts a script in a worker_thread; `worker_threads.parentPort` is how it talks. */
export function startThread(source: string): Worker {
  return new Worker(bundle(source));
}

/** A folder for a test, with files in it. */
export function scratch(files: Record<string, string | Uint8Array> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "spore-staging-"));
  for (const [name, contents] of Object.entries(files)) writeFileSync(join(folder, name), contents);
  return {
    path: (name: string) => join(folder, name),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A pool's or worker's argument block: the arena offset where results go. */
export function resultAt(offset: number): Uint8Array {
  return new Uint8Array(new BigUint64Array([BigInt(offset)]).buffer);
}

/** An argument block of one 32-bit number. */
export function number32(value: number): Uint8Array {
  return new Uint8Array(new Int32Array([value]).buffer);
}
