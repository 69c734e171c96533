/**
 * Ways to do the same work over files: a kernel in native code, or a function in JavaScript. Those that read are
 * written as somebody who wants them fast writes them; threads get what was read, pools and children read for themselves.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

import {
  Arena,
  closeIdleForkServers,
  createPool,
  spawnWorkersWithStaging,
  stageFiles,
  StageMode,
  WorkerPool,
} from "../src/staging/index.ts";
import { inProcessAddon } from "./in-process-kernels.ts";
import { packageRoot } from "./measure.ts";
import { scanMethods } from "./scan-methods.ts";
import {
  chunkFiles,
  type Job,
  type Kind,
  type Method,
  nothingToClose,
  type Setup,
  type Started,
} from "./staging-method.ts";

type Work = (bytes: Uint8Array) => number;

const workModule = join(packageRoot, "bench", "staging-work.mjs");
const peerModule = join(packageRoot, "bench", "staging-peer.mjs");

const jobOf = (kind: Kind, work: string): Job => (kind === "native" ? { work, addon: inProcessAddon() } : { work });

async function workOf(kind: Kind, work: string): Promise<Work> {
  const module = (await import(workModule)) as { workOf(job: Job): Work };
  return module.workOf(jobOf(kind, work));
}

/** The files in chunks: the index of the first of each, and their paths. */
function chunksOf({ paths, workers }: Setup): { first: number; paths: readonly string[] }[] {
  const size = chunkFiles(paths.length, workers);
  const count = Math.ceil(paths.length / size);
  return Array.from({ length: count }, (_, i) => ({ first: i * size, paths: paths.slice(i * size, (i + 1) * size) }));
}

/** Has each lane take the next item until none is left. */
async function share<Lane, Item>(
  lanes: readonly Lane[],
  items: readonly Item[],
  take: (lane: Lane, item: Item, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const drain = async (lane: Lane): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      await take(lane, items[index], index);
    }
  };
  await Promise.all(lanes.map(drain));
}

const methodsOf = (kind: "native" | "js"): Method[] => [
  {
    name: "readFile, one by one",
    kind,
    role: "baseline",
    start: async ({ paths, work }) => {
      const workOn = await workOf(kind, work);
      return {
        ...nothingToClose,
        run: () => {
          const results = paths.map((path) => workOn(readFileSync(path)));
          return Promise.resolve(() => results);
        },
      };
    },
  },
  {
    name: "in memory, nothing read",
    kind,
    role: "bound",
    start: async ({ paths, work }) => {
      const workOn = await workOf(kind, work);
      const buffers = paths.map((path) => readFileSync(path));
      return {
        ...nothingToClose,
        run: () => {
          const results = buffers.map((bytes) => workOn(bytes));
          return Promise.resolve(() => results);
        },
      };
    },
  },
  {
    name: "Promise.all of readFile",
    kind,
    start: async ({ paths, work }) => {
      const workOn = await workOf(kind, work);
      return {
        ...nothingToClose,
        run: async () => {
          const results = await Promise.all(paths.map(async (path) => workOn(await readFile(path))));
          return () => results;
        },
      };
    },
  },
  {
    name: "worker_threads, buffers transferred",
    kind,
    keeps: "pool",
    start: (setup) => startThreads(jobOf(kind, setup.work), setup),
  },
  { name: "piscina", kind, keeps: "pool", start: (setup) => startPiscina(jobOf(kind, setup.work), setup) },
  { name: "child processes", kind, keeps: "pool", start: (setup) => startChildren(jobOf(kind, setup.work), setup) },
];

/** A thread or a child process that answers messages in their order. */
class Peer {
  readonly #port: Worker | ChildProcess;
  readonly #waiting: { resolve(results: number[]): void; reject(error: Error): void }[] = [];

  constructor(port: Worker | ChildProcess) {
    this.#port = port;
    const fail = (error: Error): void => this.#waiting.splice(0).forEach((asked) => asked.reject(error));
    port.on("message", (results: number[]) => this.#waiting.shift()?.resolve(results));
    port.on("error", fail);
    port.on("exit", (code) => fail(new Error(`a worker ended with ${code}`)));
  }

  ask(message: { job: Job; paths?: readonly string[]; buffers?: ArrayBuffer[] }): Promise<number[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      if (this.#port instanceof Worker) this.#port.postMessage(message, message.buffers ?? []);
      else this.#port.send(message);
    });
  }
}

/** Their bytes, in a buffer of their own that can be given to another thread. */
async function readAlone(path: string): Promise<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = await readFile(path);
  if (byteOffset === 0 && byteLength === buffer.byteLength) return buffer as ArrayBuffer;
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}

async function startThreads(job: Job, { paths, workers }: Setup): Promise<Started> {
  const threads = Array.from({ length: workers }, () => new Worker(peerModule));
  const peers = threads.map((thread) => new Peer(thread));
  await Promise.all(peers.map((peer) => peer.ask({ job, paths: [] })));
  return {
    run: async () => {
      const results: number[] = [];
      // Two files for each thread, so that the next is read while it works.
      await share([...peers, ...peers], paths, async (peer, path, index) => {
        [results[index]] = await peer.ask({ job, buffers: [await readAlone(path)] });
      });
      return () => results;
    },
    close: async () => {
      await Promise.all(threads.map((thread) => thread.terminate()));
    },
  };
}

/** What is used of it: its own types do not compile with `exactOptionalPropertyTypes`. */
interface PiscinaModule {
  readonly Piscina: new (options: { filename: string; minThreads: number; maxThreads: number }) => {
    run(task: unknown): Promise<unknown>;
    destroy(): Promise<void>;
  };
}

async function startPiscina(job: Job, setup: Setup): Promise<Started> {
  const { Piscina } = (await import("piscina" as string)) as PiscinaModule;
  const { workers } = setup;
  const pool = new Piscina({ filename: workModule, minThreads: workers, maxThreads: workers });
  const run = (paths: readonly string[]): Promise<number[]> => pool.run({ job, paths }) as Promise<number[]>;
  await Promise.all(Array.from({ length: workers }, () => run([])));
  return {
    run: async () => {
      const results = await Promise.all(chunksOf(setup).map(({ paths }) => run(paths)));
      return () => results.flat();
    },
    close: () => pool.destroy(),
  };
}

async function startChildren(job: Job, setup: Setup): Promise<Started> {
  const children = Array.from({ length: setup.workers }, () => fork(peerModule, { execArgv: [] }));
  const peers = children.map((child) => new Peer(child));
  await Promise.all(peers.map((peer) => peer.ask({ job, paths: [] })));
  return {
    run: async () => {
      const results: number[][] = [];
      await share(peers, chunksOf(setup), async (peer, { paths }, index) => {
        results[index] = await peer.ask({ job, paths });
      });
      return () => results.flat();
    },
    close: async () => {
      await Promise.all(
        children.map((child) => {
          child.disconnect();
          return once(child, "exit");
        }),
      );
    },
  };
}

const stagedKernels: Method = {
  name: "staged, WorkerPool",
  kind: "native",
  keeps: "pool",
  isScaled: true,
  start: async ({ paths, workers, work }) => {
    const set = stageFiles(StageMode.MmapShared, paths);
    const arena = Arena.create();
    const results = arena.column("u64", paths.length);
    const pool = await WorkerPool.create({ files: [set], arena, workers });
    const args = new Uint8Array(BigUint64Array.of(BigInt(results.offset)).buffer);
    const chunkRows = chunkFiles(paths.length, workers);
    return {
      run: async () => {
        await pool.run(work, { rows: paths.length, chunkRows, args });
        return () => Array.from(results.array, (result) => Number(BigInt.asUintN(53, result)));
      },
      close: async () => {
        await pool.close();
        set.close();
        arena.close();
      },
    };
  },
};

const spawned: Method = {
  name: "staged, spawnWorkersWithStaging",
  kind: "js",
  keeps: "server",
  start: async ({ paths, workers, work }) => {
    const spawn = async (files: readonly string[]): Promise<number[]> => {
      using arena = Arena.create();
      const results = arena.column("f64", files.length);
      const next = arena.column("u32", 1);
      const args = { job: jobOf("js", work), results, next };
      const worker = { module: workModule, export: "workOnNext", args };
      const all = Array.from({ length: workers }, () => worker);
      const handles = await spawnWorkersWithStaging(files, StageMode.MmapShared, all, { arena });
      for (const { code, signal } of await Promise.all(handles.map((handle) => handle.join())))
        if (code !== 0) throw new Error(`a worker ended with ${signal ?? code}`);
      return [...results.array];
    };
    await spawn(paths.slice(0, 1)); // the fork server is there then
    return {
      run: async () => {
        const results = await spawn(paths);
        return () => results;
      },
      close: closeIdleForkServers,
    };
  },
};

const stagedPool: Method = {
  name: "staged, createPool",
  kind: "js",
  keeps: "pool",
  isScaled: true,
  start: async ({ paths, workers, work }) => {
    const job = jobOf("js", work);
    const pool = await createPool<(task: Job | null) => number[]>({
      files: paths,
      mode: StageMode.MmapShared,
      worker: { module: workModule, export: "workOnChunk" },
      size: workers,
    });
    await Promise.all(Array.from({ length: workers }, () => pool.run(null)));
    const range = { end: paths.length, chunkSize: chunkFiles(paths.length, workers) };
    return {
      run: async () => {
        const results = await pool.map(range, job);
        return () => results.flat();
      },
      close: async () => {
        await pool.close();
        await closeIdleForkServers();
      },
    };
  },
};

/** In the order of the tables. */
export const methods: readonly Method[] = [
  ...methodsOf("native"),
  stagedKernels,
  ...methodsOf("js"),
  spawned,
  stagedPool,
  ...scanMethods,
];
