/**
 * The program of a fork server: loads a module, maps files and arenas that were sent to it, and forks a child
 * for each worker. `fork-server.ts` starts it and talks to it, over the descriptor below.
 *
 * It waits for orders with its event loop at a stand, so that what a module has begun there does not go on
 * in the server; in a child that waits for a promise it does.
 */
import { setImmediate } from "node:timers/promises";

import { addon } from "../../addon/load.ts";
import type { ChildExit } from "../../addon/staging-binding.ts";
import { Arena } from "../arena.ts";
import { Batch } from "../batch.ts";
import type { BatchEntry } from "../batch.ts";
import { Channel } from "./channel.ts";
import type { Ended, ForkOrder, Reply, Request, RequestError } from "./fork-protocol.ts";
import { IoError, ioError, isFailure } from "../io-error.ts";
import { StagedSet } from "../stage.ts";
import { noteStandardStreams } from "./standard-streams.ts";
import {
  countThreads,
  expectedThreads,
  foreignThreadNames,
  hasMoreThreads,
  singleThreadedFlags,
  startUvThreads,
} from "./thread-count.ts";
import { PoolContext, WorkerContext, WorkerFiles } from "./worker-context.ts";
import type { PoolFunction, WorkerFunction } from "./worker-context.ts";
import { servePool } from "./task-loop.ts";
import { ForkServerError, sendableError } from "./worker-errors.ts";
import { runOnce } from "./forked-process.ts";

const controlDescriptor = 3;
/** Of a child: its pid, and those of a {@link ChildExit}. */
const endedNumbers = 6;

type Order<Op extends Request["op"]> = Extract<Request, { op: Op }>;

interface MappedFiles {
  readonly set: StagedSet;
  readonly files: WorkerFiles;
}

class ForkServer {
  readonly #control = new Channel(controlDescriptor);
  /** Children that run: pid and pidfd, -1 where there are none. */
  readonly #children = new Map<number, number>();
  readonly #files = new Map<number, MappedFiles>();
  readonly #arenas = new Map<number, Arena>();
  /** Of the set that is being sent. */
  #parts: BatchEntry[] = [];
  #module: Record<string, unknown> = {};
  #threads = 0;

  async run(): Promise<void> {
    await startUvThreads();
    // What was loaded before this program, for Node's own flags, may have started threads already.
    const hasPreloads = /--(import|require|loader|experimental-loader)\b|-r\b/.test(
      `${process.execArgv.join(" ")} ${process.env["NODE_OPTIONS"] ?? ""}`,
    );
    this.#threads = hasPreloads ? expectedThreads(singleThreadedFlags) : countThreads();
    for (;;) {
      const isChild = await this.#serve(this.#wait());
      if (isChild) return;
      // Not from within libuv's poll: a child begins a new one.
      await setImmediate();
    }
  }

  /** The next request. Children that end meanwhile are reported. */
  #wait(): { request: Request; descriptors: Int32Array } {
    for (;;) {
      const [isReadable, ...ended] = addon().waitForChildren(
        controlDescriptor,
        Int32Array.from(this.#children.keys()),
        Int32Array.from(this.#children.values()),
        -1,
      );
      for (let at = 0; at < ended.length; at += endedNumbers) {
        const [pid, ...exit] = ended.slice(at, at + endedNumbers);
        this.#report(pid!, exit as unknown as ChildExit);
      }
      if (isReadable === 0) continue;
      const packet = this.#control.receive<Request>({ wait: false });
      if (packet) return { request: packet.value, descriptors: packet.descriptors };
      if (packet === null) process.exit(0); // nobody is left to fork for; the children follow
    }
  }

  #report(pid: number, exit: ChildExit): void {
    const pidfd = this.#children.get(pid)!;
    this.#children.delete(pid);
    if (pidfd >= 0) addon().closeDescriptor(pidfd);
    this.#say({ op: "ended", pid, exit });
  }

  #say(message: Reply | Ended, descriptors: readonly number[] = []): void {
    try {
      this.#control.send(message, descriptors);
    } catch {
      process.exit(0); // nobody is left who listens
    }
  }

  /** True in a child, which is not to come back here. */
  async #serve({ request, descriptors }: { request: Request; descriptors: Int32Array }): Promise<boolean> {
    try {
      if (request.op === "fork") return this.#fork(request, descriptors);
      if (request.op === "load") await this.#load(request);
      else if (request.op === "files") this.#map(request, descriptors);
      else if (request.op === "arena") {
        const arena = Arena.adopt(descriptors[0]!, request.reservedBytes, request.baseAddress);
        this.#arenas.set(request.id, arena);
      } else if (request.op === "signal") {
        if (this.#children.has(request.pid)) process.kill(request.pid, request.signal);
      } else this.#forget(request);
      this.#say({ op: "done", pids: [] });
    } catch (error) {
      this.#say({ op: "failed", error: requestError(error) });
    }
    return false;
  }

  async #load({ url }: Order<"load">): Promise<void> {
    try {
      this.#module = (await import(url)) as Record<string, unknown>;
    } catch (error) {
      const { name, message, stack } = sendableError(error);
      const what = name === "" ? message : `${name}: ${message}`;
      throw new ForkServerError("ERR_WORKER_MODULE", `cannot load "${url}": ${what}`, stack);
    }
  }

  /** Files come in parts, because a packet has room for few descriptors. */
  #map({ id, paths, modes, identities, hasBytes, isLast }: Order<"files">, descriptors: Int32Array): void {
    let next = 0;
    const ofEach = Int32Array.from(hasBytes, (has) => (has ? descriptors[next++]! : -1));
    try {
      this.#parts.push(...Batch.adopt(paths, modes, identities, ofEach));
      if (!isLast) return;
      const set = new StagedSet(Batch.join(this.#parts));
      this.#files.set(id, { set, files: new WorkerFiles(set) });
    } catch (error) {
      this.#releaseParts();
      throw error;
    }
    this.#releaseParts();
  }

  #releaseParts(): void {
    for (const batch of new Set(this.#parts.map((part) => part.batch))) batch.releaseAll();
    this.#parts = [];
  }

  #forget({ kind, id }: Order<"forget">): void {
    if (kind === "files") {
      this.#files.get(id)?.set.close();
      this.#files.delete(id);
    } else {
      this.#arenas.get(id)?.close();
      this.#arenas.delete(id);
    }
  }

  #throwIfThreaded(): void {
    if (!hasMoreThreads(this.#threads)) return;
    const names = foreignThreadNames();
    throw new ForkServerError(
      "ERR_WORKER_THREADS",
      `cannot fork: the fork server has ${countThreads() - this.#threads} more threads than Node itself needs` +
        `${names.length > 0 ? ` ("${names.join('", "')}")` : ""}. A module, an addon or a loader started them; ` +
        "a child would not have them, and would wait for ever for a lock that one of them holds",
    );
  }

  #fork(request: Order<"fork">, channels: Int32Array): boolean {
    const forked: number[] = [];
    try {
      const run = this.#module[request.export];
      if (typeof run !== "function") {
        throw new ForkServerError("ERR_WORKER_MODULE", `the module exports no function "${request.export}"`);
      }
      this.#throwIfThreaded();
      if (process.cwd() !== request.directory) process.chdir(request.directory);
      for (const [at, order] of request.orders.entries()) {
        const others = [...channels].filter((_, index) => index !== at);
        const siblings = [...this.#children.values()].filter((pidfd) => pidfd >= 0);
        const child = addon().forkProcess(Int32Array.of(controlDescriptor, ...others, ...siblings));
        if (isFailure(child)) throw ioError(child);
        const [pid, pidfd] = child;
        if (pid === 0) {
          this.#become(run, request, order, new Channel(channels[at]!));
          return true;
        }
        this.#children.set(pid, pidfd);
        forked.push(pid);
      }
      const pidfds = forked.map((pid) => this.#children.get(pid)!).filter((pidfd) => pidfd >= 0);
      this.#say({ op: "done", pids: forked }, pidfds);
    } catch (error) {
      for (const pid of forked) process.kill(pid, "SIGKILL"); // not reaped yet: that is done in #wait() only
      this.#say({ op: "failed", error: requestError(error) });
    } finally {
      for (const channel of addon().isForkedChild() ? [] : channels) addon().closeDescriptor(channel);
    }
    return false;
  }

  #become(run: unknown, request: Order<"fork">, order: ForkOrder, channel: Channel): void {
    const { files } = this.#files.get(request.files)!;
    const at = { workerIndex: order.workerIndex, workerCount: request.workerCount, args: order.args };
    const borrow = (): Arena | undefined => {
      const arena = request.arena && this.#arenas.get(request.arena.id);
      if (arena) arena.extents = request.arena!.extents;
      return arena;
    };
    if (request.kind === "once") {
      runOnce(run as WorkerFunction<never>, files, () => new WorkerContext(files.list, borrow(), at), channel);
    } else {
      servePool(run as PoolFunction, files, () => new PoolContext(files.list, borrow(), at), channel);
    }
  }
}

function requestError(error: unknown): RequestError {
  if (error instanceof ForkServerError) {
    const { code, message, stack } = error;
    return stack === undefined ? { kind: "server", code, message } : { kind: "server", code, message, stack };
  }
  if (error instanceof IoError) {
    const { code, syscall, path } = error;
    return { kind: "io", failure: { code, syscall, path } };
  }
  return { kind: "other", error: sendableError(error) };
}

noteStandardStreams();
const [, , parent, pidfds] = process.argv;
if (!addon().followParent(Number(parent))) process.exit(0);
if (pidfds === "no-pidfds") addon().forbidPidfds(true);
process.title = "spore-fork-server";
void new ForkServer().run();
