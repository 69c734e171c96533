/**
 * The resident linker: a warm process with one thread, which forks a child for each link. It reads no request and
 * no input, writes no output, and keeps nothing that a link would miss.
 *
 * One child waits for a client while there is none, so that nobody waits for a fork. It takes the client's place
 * (native/resident), links, and ends. Children end with this process, at once; their clients then link by themselves.
 */
import { readlinkSync, unlinkSync } from "node:fs";

import { addon } from "../addon/load.ts";
import { ioError, isFailure } from "../staging/io-error.ts";
import { memoryOf, statusText } from "./status.ts";

/** What a child does for its client. Ends the process. */
export type ServeClient = (words: readonly string[], connection: number) => Promise<never>;

export interface ServerSettings {
  /** Bound, and not listening yet. */
  readonly listener: number;
  /** Held as long as this process lives; no child has it. */
  readonly lock: number;
  /** Of the socket and the lock, without their extensions. */
  readonly path: string;
  /** After so long without a link it ends; 0: never. */
  readonly idleMs: number;
  readonly version: string;
}

/** Clients that wait for a child to be forked. The system has a limit of its own. */
const backlog = 4096;
/** How a child says that a client wants the server to stop. */
const stopStatus = 3;
/** So many children in a row that end before they have had a client: then something is very wrong. */
const maxEarlyEnds = 8;
/** A child says its pid when it has a client. */
const pidBytes = 4;
/** Of a child that ended: its pid, and how. */
const endedNumbers = 6;

export class Server {
  readonly #settings: ServerSettings;
  readonly #serveClient: ServeClient;
  /** Children that run: pid and pidfd, -1 where there are none. */
  readonly #children = new Map<number, number>();
  /** A child says by the second end that it has a client. */
  readonly #taken: readonly [number, number];
  readonly #packet = Buffer.allocUnsafeSlow(addon().maxInlineBytes);
  readonly #began = Date.now();
  #spare: number | undefined;
  #links = 0;
  #earlyEnds = 0;
  #isStopping = false;

  constructor(settings: ServerSettings, serveClient: ServeClient) {
    this.#settings = settings;
    this.#serveClient = serveClient;
    const ends = addon().channelOpen();
    if (isFailure(ends)) throw ioError(ends);
    this.#taken = [ends[0]!, ends[1]!];
  }

  /** Serves until it is told to stop, or nobody has come for long. Resolves in the server only: a child ends by itself. */
  async run(): Promise<void> {
    const error = addon().listenForClients(this.#settings.listener, backlog);
    if (error !== 0) throw ioError({ code: error, syscall: "listen" });
    while (!this.#isStopping && this.#earlyEnds < maxEarlyEnds) {
      if (this.#spare === undefined && this.#fork()) return this.#beChild();
      this.#wait(this.#settings.idleMs > 0 && this.#children.size === 1 ? this.#settings.idleMs : -1);
    }
    this.#leave();
  }

  /** True in the child. */
  #fork(): boolean {
    const siblings = [...this.#children.values()].filter((pidfd) => pidfd >= 0);
    const forked = addon().forkProcess(Int32Array.of(this.#settings.lock, this.#taken[0], ...siblings));
    if (isFailure(forked)) throw ioError(forked);
    const [pid, pidfd] = forked;
    if (pid === 0) return true;
    this.#children.set(pid, pidfd);
    this.#spare = pid;
    return false;
  }

  async #beChild(): Promise<never> {
    const { listener } = this.#settings;
    const pid = Number(readlinkSync("/proc/self"));
    this.#packet.writeInt32LE(pid);
    const connection = addon().acceptClient(listener);
    if (connection < 0) return addon().exitNow(0);
    addon().channelSend(this.#taken[1], this.#packet, pidBytes, null, true, 0, 0);
    addon().closeDescriptor(this.#taken[1]);
    addon().closeDescriptor(listener);
    const request = addon().receiveRequest(connection);
    if (typeof request === "string") return this.#refuse(connection, request);
    const [kind, words] = request;
    const { link, status, stop } = addon().requestKinds;
    if (kind === link) {
      const failure = addon().beginLink(connection);
      if (failure !== null) return this.#refuse(connection, failure);
      this.#becomeItself(pid);
      return this.#serveClient(words, connection);
    }
    if (kind === status) addon().answerText(connection, this.#describe());
    if (kind === stop) addon().answerText(connection, "the resident linker ends with the links that run\n");
    return addon().exitNow(kind === stop ? stopStatus : 0);
  }

  /** In a child. Nobody is left to hear an empty reason. */
  #refuse(connection: number, reason: string): never {
    if (reason !== "") addon().answerRefusal(connection, reason);
    return addon().exitNow(0);
  }

  /** What Node knows of its parent is not so of this process. */
  #becomeItself(pid: number): void {
    Object.defineProperty(process, "pid", { value: pid, enumerable: true });
    process.chdir("."); // Node keeps the name of the working folder until it is changed
  }

  /** In a child. Its siblings are those that were forked before it. */
  #describe(): string {
    const { path, idleMs, version } = this.#settings;
    return statusText({
      version,
      pid: process.pid,
      path: `${path}.sock`,
      runningMs: Date.now() - this.#began,
      idleMs,
      links: this.#links,
      running: [...this.#children.keys()].filter(isAlive).length,
      bytes: memoryOf(process.pid),
    });
  }

  /** Until a child has a client or has ended, or so long. */
  #wait(timeoutMs: number): void {
    const [isReadable, ...ended] = addon().waitForChildren(
      this.#taken[0],
      Int32Array.from(this.#children.keys()),
      Int32Array.from(this.#children.values()),
      timeoutMs,
    );
    if (isReadable !== 0) this.#noteTaken();
    else if (ended.length === 0) this.#isStopping = true; // nobody has come
    for (let at = 0; at < ended.length; at += endedNumbers) this.#bury(ended[at]!, ended[at + 1]!);
  }

  /** Children that have clients, of which some may have ended already. */
  #noteTaken(): void {
    while (addon().channelReceive(this.#taken[0], false, this.#packet) === pidBytes) {
      if (this.#packet.readInt32LE() === this.#spare) this.#spare = undefined;
      this.#earlyEnds = 0;
      this.#links++;
    }
  }

  #bury(pid: number, status: number): void {
    const pidfd = this.#children.get(pid)!;
    this.#children.delete(pid);
    if (pidfd >= 0) addon().closeDescriptor(pidfd);
    if (status === stopStatus) this.#isStopping = true;
    if (pid !== this.#spare) return;
    this.#spare = undefined;
    this.#earlyEnds++;
  }

  /** Nobody finds it any more; what runs ends as it would. */
  #leave(): void {
    for (const extension of [".sock", ".lock"]) {
      try {
        unlinkSync(`${this.#settings.path}${extension}`);
      } catch {
        // Somebody has cleared the folder.
      }
    }
    addon().closeDescriptor(this.#settings.listener);
    this.#noteTaken(); // somebody has come just now
    if (this.#spare !== undefined) process.kill(this.#spare, "SIGKILL");
    while (this.#children.size > 0) this.#wait(-1);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
