/**
 * Fork servers: helper processes, one for each module, that load it and fork a child for each worker.
 *
 * A child forked from an ordinary Node process cannot run JavaScript: V8 keeps its heap from it, and it lacks
 * threads that it would wait for. A process that is started with `--single-threaded` has no such threads.
 * Children are not this process's, so the server reports how they ended; pidfds that it sends signal them,
 * and tell when they are gone should the server die.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { addon } from "../../addon/load.ts";
import type { Arena } from "../arena.ts";
import { Channel } from "./channel.ts";
import type { Ended, ForkOrder, Reply, Request, RequestError, WorkerKind, LastWords } from "./fork-protocol.ts";
import { IoError, ioError, isFailure, throwIfCut } from "../io-error.ts";
import { exitOf } from "../process-handle.ts";
import type { ChildControl } from "../process-handle.ts";
import type { ExitStatus, WorkerUsage } from "../reports.ts";
import { signalNumber } from "../signals.ts";
import type { StagedSet } from "../stage.ts";
import { singleThreadedFlags } from "./thread-count.ts";
import { ForkServerError, WorkerError } from "./worker-errors.ts";

/** A server that nobody uses ends after so many ms: the next worker of its module starts sooner until then. */
const lingerMs = 10_000;
/**
 * Each collection of garbage that only time asks for, and each function whose code is dropped for its age, copies
 * pages that a child has in common with the others.
 */
const heapFlags = ["--no-memory-reducer", "--no-flush-bytecode"];
const ESRCH = 3;

/** What to fork. */
export interface ForkPlan {
  readonly kind: WorkerKind;
  readonly export: string;
  readonly set: StagedSet;
  readonly arena: Arena | undefined;
  readonly workerCount: number;
  readonly orders: readonly ForkOrder[];
  /** Called before anything that the child does can be known. */
  readonly onForked?: (child: ForkedChild, order: ForkOrder) => void;
}

/** A child of a fork server, and this process's end of its channel. */
export class ForkedChild implements ChildControl {
  readonly pid: number;
  readonly channel: Channel;
  readonly #server: ForkServer;
  readonly #pidfd: number;
  readonly #kind: WorkerKind;
  #status: ExitStatus | Error | undefined;
  #usage: WorkerUsage | undefined;
  #callback: ((status: ExitStatus | Error, usage: WorkerUsage | undefined) => void) | undefined;
  #goneCallback: (() => void) | undefined;
  #holds = 0;

  constructor(server: ForkServer, kind: WorkerKind, pid: number, pidfd: number, channel: Channel) {
    this.#server = server;
    this.#kind = kind;
    this.pid = pid;
    this.#pidfd = pidfd;
    this.channel = channel;
  }

  onExit(callback: (status: ExitStatus | Error, usage: WorkerUsage | undefined) => void): void {
    this.#callback = callback;
    if (this.#status) queueMicrotask(() => callback(this.#status!, this.#usage));
  }

  /** Calls back when it has ended, after `onExit`'s. */
  onGone(callback: () => void): void {
    if (this.#status) callback();
    else this.#goneCallback = callback;
  }

  isAlive(): boolean {
    if (this.#status) return false;
    return this.#pidfd < 0 || !addon().processHasEnded(this.#pidfd);
  }

  signal(signal: number): number {
    if (!this.isAlive()) return ESRCH;
    if (this.#pidfd >= 0) return addon().processSignal(this.#pidfd, signal);
    this.#server.signal(this.pid, signal);
    return 0;
  }

  hold(isHeld: boolean): void {
    if (this.#status) return;
    this.#holds += isHeld ? 1 : -1;
    addon().holdLoop(isHeld);
  }

  /** Waits until it has ended, now that nobody will tell; what it left unsaid stays unsaid. */
  async orphaned(error: ForkServerError): Promise<void> {
    if (this.#pidfd >= 0 && !addon().processHasEnded(this.#pidfd)) {
      await new Promise<void>((resolve) => {
        const watch = addon().watchReadable(this.#pidfd, () => {
          addon().unwatch(watch, this.#pidfd);
          resolve();
        });
      });
    }
    this.ended(error);
  }

  /** What it said before it ended, if it runs once and said something. */
  report(): WorkerError | undefined {
    if (this.#kind === "pool") return undefined; // the pool listens
    try {
      const report = this.channel.receive<LastWords>({ wait: false });
      return report ? new WorkerError(this.pid, report.value.error) : undefined;
    } catch {
      return undefined; // not what a worker says
    }
  }

  ended(status: ExitStatus | Error, usage?: WorkerUsage): void {
    if (this.#status) return;
    this.#status = status;
    this.#usage = usage;
    if (this.#pidfd >= 0) addon().closeDescriptor(this.#pidfd);
    for (; this.#holds > 0; this.#holds--) addon().holdLoop(false);
    this.#callback?.(status, usage);
    this.channel.close();
    this.#goneCallback?.();
  }
}

/** A module's URL, as `import()` takes it. Paths are relative to the working directory. @throws IoError `ERR_PATH_NUL` */
export function moduleUrl(module: URL | string): string {
  const text = String(module);
  throwIfCut(/^file:.*%00/s.test(text) ? fileURLToPath(text) : text, "import");
  if (module instanceof URL) return module.href;
  return /^[a-z][a-z0-9+.-]+:/i.test(module) ? module : pathToFileURL(module).href;
}

/** The server's program, beside this file or where the package's library was built. */
function findProgram(): string {
  const here = import.meta.dirname;
  const names = ["fork-server-main.js", join("dist", "staging", "modules", "fork-server-main.js")];
  for (let folder = here, depth = 0; depth < 4; folder = dirname(folder), depth++) {
    const found = names.map((name) => join(folder, name)).find((file) => existsSync(file));
    if (found !== undefined) return found;
  }
  throw new ForkServerError(
    "ERR_FORK_SERVER_DIED",
    `the fork server has not been built: no "${names[1]}" above "${here}"; run "npm run build"`,
  );
}

/** Node's flags of this process that make sense for another program, which runs without a debugger. */
function inheritedFlags(): string[] {
  const kept: string[] = [];
  for (let at = 0; at < process.execArgv.length; at++) {
    const flag = process.execArgv[at]!;
    if (/^(-e|-p|-pe|--eval|--print)$/.test(flag)) at++; // and what is evaluated
    else if (
      !/^(--eval=|--print=|-i$|--interactive|--input-type|-c$|--check|--inspect|--debug|--test|--watch)/.test(flag)
    )
      kept.push(flag);
  }
  return kept;
}

/** What a server was told about sets and arenas, by what they are here. */
interface Known {
  readonly id: number;
}

export class ForkServer {
  readonly #process: ChildProcess;
  readonly #control: Channel;
  readonly #url: string;
  readonly #children = new Map<number, ForkedChild>();
  readonly #files = new WeakMap<object, Known>();
  readonly #arenas = new WeakMap<object, Known>();
  readonly #collected = new FinalizationRegistry((forget: Request) => this.#forget(forget));
  /** Requests are sent one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #answer: { resolve: (reply: Reply, descriptors: Int32Array) => void; reject: (error: Error) => void } | undefined;
  #nextId = 1;
  #users = 0;
  #linger: NodeJS.Timeout | undefined;
  #dying: Promise<ForkServerError> | undefined;
  #death: ForkServerError | undefined;

  static readonly #servers = new Map<string, Promise<ForkServer>>();

  /** The server of a module, started if there is none. @throws ForkServerError when the module cannot be loaded */
  static async of(url: string): Promise<ForkServer> {
    for (;;) {
      // Whoever comes while it starts gets the same one.
      const starting = ForkServer.#servers.get(url) ?? ForkServer.#start(url);
      ForkServer.#servers.set(url, starting);
      const forget = (): void => {
        if (ForkServer.#servers.get(url) === starting) ForkServer.#servers.delete(url);
      };
      try {
        const server = await starting;
        if (!server.#death) return server.#use();
        forget();
      } catch (error) {
        forget();
        throw error;
      }
    }
  }

  static async closeIdle(): Promise<void> {
    const servers = await Promise.all([...ForkServer.#servers.values()].map((it) => it.catch(() => undefined)));
    await Promise.all(servers.map(async (server) => server && server.#users === 0 && server.#close()));
  }

  static async #start(url: string): Promise<ForkServer> {
    const [ours, theirs] = Channel.pair();
    let server: ForkServer | undefined;
    try {
      const flags = [...inheritedFlags(), ...singleThreadedFlags, ...heapFlags];
      const args = [String(process.pid), addon().hasPidfds() ? "pidfds" : "no-pidfds"];
      const child = spawn(process.execPath, [...flags, findProgram(), ...args], {
        stdio: ["ignore", "inherit", "inherit", theirs.descriptor],
      });
      server = new ForkServer(url, child, ours);
      await server.#request({ op: "load", url });
      return server;
    } catch (error) {
      if (server) void server.#close();
      else ours.close();
      throw error;
    } finally {
      theirs.close();
    }
  }

  private constructor(url: string, child: ChildProcess, control: Channel) {
    this.#url = url;
    this.#process = child;
    this.#control = control;
    child.unref();
    child.on("error", (error) => this.#die(error.message));
    control.watch(() => this.#receive());
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** Whoever asked for the server has done with it, and with what it forked. */
  letGo(): void {
    this.#users--;
    if (this.#users > 0) return;
    this.#linger = setTimeout(() => void this.#close(), lingerMs).unref();
  }

  /**
   * Forks children. Sends what they need before, unless the server has it.
   * @throws IoError when a file cannot be sent, or when the system refuses
   * @throws ForkServerError
   */
  async fork(plan: ForkPlan): Promise<ForkedChild[]> {
    const files = await this.#sendFiles(plan.set);
    const arena = plan.arena && { id: await this.#sendArena(plan.arena), extents: plan.arena.extents };
    const { kind, workerCount } = plan;
    const directory = process.cwd();
    const children: ForkedChild[] = [];
    try {
      for (let at = 0; at < plan.orders.length; at += addon().maxPacketDescriptors) {
        const orders = plan.orders.slice(at, at + addon().maxPacketDescriptors);
        const request = {
          op: "fork",
          kind,
          export: plan.export,
          files,
          arena,
          workerCount,
          directory,
          orders,
        } as const;
        children.push(...(await this.#forkSome(request, plan.onForked)));
      }
      return children;
    } catch (error) {
      for (const child of children) child.signal(signalNumber("SIGKILL"));
      throw error;
    }
  }

  async #forkSome(request: Extract<Request, { op: "fork" }>, onForked: ForkPlan["onForked"]): Promise<ForkedChild[]> {
    const pairs = request.orders.map(() => Channel.pair());
    try {
      const theirs = pairs.map(([, end]) => end.descriptor);
      // Children are entered when the answer comes, not after an await: their ends may come right behind it.
      return await this.#request(request, theirs, ({ pids }, pidfds) =>
        pids.map((pid, at) => {
          const child = new ForkedChild(this, request.kind, pid, pidfds[at] ?? -1, pairs[at]![0]);
          this.#children.set(pid, child);
          onForked?.(child, request.orders[at]!);
          return child;
        }),
      );
    } catch (error) {
      for (const [ours] of pairs) ours.close();
      throw error;
    } finally {
      for (const [, theirs] of pairs) theirs.close();
    }
  }

  /** For children without pidfds. It may have ended; then it gets nothing. */
  signal(pid: number, signal: number): void {
    void this.#request({ op: "signal", pid, signal }).catch(() => undefined);
  }

  async #sendFiles(set: StagedSet): Promise<number> {
    const { batch } = set;
    const known = this.#files.get(batch);
    if (known) return known.id;
    const id = this.#nextId++;
    const step = addon().maxPacketDescriptors;
    for (let first = 0; first === 0 || first < set.count; first += step) {
      const end = Math.min(first + step, set.count);
      const descriptors = addon().batchDescriptors(batch.handle, first, end);
      if (isFailure(descriptors)) throw ioError(descriptors, set.paths[descriptors.index]);
      const sent = [...descriptors].filter((fd) => fd >= 0);
      try {
        await this.#request(
          {
            op: "files",
            id,
            paths: set.paths.slice(first, end),
            modes: batch.modes.slice(first, end),
            identities: addon().batchIdentities(batch.handle, first, end),
            hasBytes: Uint8Array.from(descriptors, (fd) => (fd >= 0 ? 1 : 0)),
            isLast: end === set.count,
          },
          sent,
        );
      } finally {
        for (const fd of sent) addon().closeDescriptor(fd);
      }
    }
    batch.dropDescriptors();
    this.#files.set(batch, { id });
    const forget = { op: "forget", kind: "files", id } as const;
    this.#collected.register(batch, forget, forget);
    batch.onRelease(() => this.#forget(forget));
    return id;
  }

  async #sendArena(arena: Arena): Promise<number> {
    const known = this.#arenas.get(arena);
    if (known) return known.id;
    const id = this.#nextId++;
    const { reservedBytes, baseAddress } = arena;
    await this.#request({ op: "arena", id, reservedBytes, baseAddress }, [addon().arenaDescriptor(arena.handle)]);
    this.#arenas.set(arena, { id });
    const forget = { op: "forget", kind: "arena", id } as const;
    this.#collected.register(arena, forget, forget);
    arena.onClose(() => this.#forget(forget));
    return id;
  }

  #forget(request: Request): void {
    this.#collected.unregister(request);
    if (!this.#death) void this.#request(request).catch(() => undefined);
  }

  #use(): this {
    clearTimeout(this.#linger);
    this.#users++;
    return this;
  }

  /** Sends a request when the one before was answered; holds the event loop until it is answered itself. */
  async #request<T = void>(
    request: Request,
    descriptors: readonly number[] = [],
    onDone?: (reply: Extract<Reply, { op: "done" }>, descriptors: Int32Array) => T,
  ): Promise<T> {
    const before = this.#last;
    const answered = (async () => {
      await before;
      if (this.#death) throw this.#death;
      addon().holdLoop(true);
      try {
        return await new Promise<T>((resolve, reject) => {
          const onReply = (reply: Reply, received: Int32Array): void => {
            if (reply.op === "failed") reject(errorOf(reply.error));
            else resolve(onDone?.(reply, received) as T);
          };
          this.#answer = { resolve: onReply, reject };
          this.#control.send(request, descriptors);
        });
      } catch (error) {
        // It died between two requests; why will be known when its end is.
        if (error instanceof IoError && error.syscall === "sendmsg") throw await this.#died();
        throw error;
      } finally {
        this.#answer = undefined;
        addon().holdLoop(false);
      }
    })();
    this.#last = answered.catch(() => undefined);
    return answered;
  }

  #receive(): void {
    for (;;) {
      if (this.#control.isClosed) return;
      let packet;
      try {
        packet = this.#control.receive<Reply | Ended>({ wait: false });
      } catch (error) {
        this.#process.kill("SIGKILL");
        this.#die((error as Error).message);
        return;
      }
      if (packet === undefined) return;
      if (packet === null) return void this.#died();
      const { value, descriptors } = packet;
      if (value.op === "ended") this.#ended(value);
      else this.#answer?.resolve(value, descriptors);
    }
  }

  #ended({ pid, exit }: Ended): void {
    const child = this.#children.get(pid);
    if (!child) return; // of a fork that failed
    this.#children.delete(pid);
    const { status, usage } = exitOf(exit);
    child.ended(child.report() ?? status, usage);
  }

  /** It has closed its end: waits for the process, so as to say how it ended. */
  #died(): Promise<ForkServerError> {
    this.#control.unwatch();
    return (this.#dying ??= this.#waitForEnd());
  }

  async #waitForEnd(): Promise<ForkServerError> {
    if (this.#death) return this.#death;
    const { exitCode, signalCode } = this.#process;
    if (exitCode === null && signalCode === null) {
      addon().holdLoop(true);
      await new Promise((resolve) => this.#process.once("exit", resolve));
      addon().holdLoop(false);
    }
    const how = this.#process.signalCode ?? `exit code ${this.#process.exitCode}`;
    return this.#die(`it ended with ${how}`);
  }

  #die(why: string): ForkServerError {
    if (this.#death) return this.#death;
    this.#death = new ForkServerError("ERR_FORK_SERVER_DIED", `the fork server of "${this.#url}" is gone: ${why}`);
    this.#control.close();
    clearTimeout(this.#linger);
    this.#answer?.reject(this.#death);
    for (const child of this.#children.values()) void child.orphaned(this.#death);
    this.#children.clear();
    return this.#death;
  }

  /** Lets it end, and waits for that. */
  async #close(): Promise<void> {
    if (this.#death) return;
    const isOver = this.#process.exitCode !== null || this.#process.signalCode !== null;
    const ended = isOver ? undefined : new Promise((resolve) => this.#process.once("exit", resolve));
    this.#die("it was closed");
    addon().holdLoop(true);
    await ended;
    addon().holdLoop(false);
  }
}

/**
 * Ends the fork servers that have no workers, and waits for that. They would end by themselves ten seconds after
 * their last worker, and with this process.
 */
export function closeIdleForkServers(): Promise<void> {
  return ForkServer.closeIdle();
}

function errorOf(error: RequestError): Error {
  switch (error.kind) {
    case "server":
      return new ForkServerError(error.code, error.message, error.stack);
    case "io":
      return new IoError(error.failure);
    case "other":
      return new WorkerError(0, error.error);
  }
}
