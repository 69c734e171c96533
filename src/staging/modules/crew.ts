/** The workers of a pool: each has a place, in which another one is forked when it ends before its time. */
import { addon } from "../../addon/load.ts";
import type { Arena } from "../arena.ts";
import type { ExitStatus } from "../reports.ts";
import { signalNumber } from "../signals.ts";
import type { StagedSet } from "../stage.ts";
import { WorkerUsageError } from "../worker-usage-error.ts";
import type { PoolAnswer } from "./fork-protocol.ts";
import { ForkServer } from "./fork-server.ts";
import type { ForkedChild } from "./fork-server.ts";
import { ForkServerError } from "./worker-errors.ts";

/** So many workers, and two for each place, may end while they do nothing; then something is very wrong. */
const maxIdleDeaths = 8;
const serverTries = 5;

/** A place of the crew, and the worker that has it now. */
export interface Member<Job> {
  readonly workerIndex: number;
  child: ForkedChild | undefined;
  job: Job | undefined;
  timer: NodeJS.Timeout | undefined;
  isForking: boolean;
  /** Of the arena, as the worker knows it. */
  arenaVersion: number;
  /** Why it was killed, if it was. */
  stopped: Error | undefined;
}

/** What the workers are. */
export interface CrewPlan {
  readonly url: string;
  readonly export: string;
  readonly files: StagedSet;
  readonly arena: Arena;
  readonly args: unknown;
  readonly size: number;
}

/** Who gives the crew its work. */
export interface CrewOwner<Job> {
  onFork(member: Member<Job>, pid: number): void;
  onAnswer(member: Member<Job>, child: ForkedChild, answer: PoolAnswer): void;
  /** It has ended, and has been heard to the end. Its job is still there. */
  onEnd(member: Member<Job>, pid: number, status: ExitStatus | Error, stopped: Error | undefined): void;
  /** A place has a worker again. */
  onReplaced(): void;
  /** No worker is left, and none can be had. */
  onBroken(error: Error): void;
}

export class Crew<Job> {
  readonly members: readonly Member<Job>[];
  readonly #plan: CrewPlan;
  readonly #owner: CrewOwner<Job>;
  /** Forks that are under way. */
  readonly #forking = new Set<Promise<void>>();
  /** Workers that ended without having done anything, since the last one that did something. */
  #idleDeaths = 0;
  #onChange: (() => void) | undefined;
  #isEnding = false;

  constructor(plan: CrewPlan, owner: CrewOwner<Job>) {
    this.#plan = plan;
    this.#owner = owner;
    this.members = Array.from({ length: plan.size }, (_, workerIndex) => ({
      workerIndex,
      child: undefined,
      job: undefined,
      timer: undefined,
      isForking: false,
      arenaVersion: -1,
      stopped: undefined,
    }));
  }

  /** Those that run now. */
  get pids(): readonly number[] {
    return this.members.flatMap(({ child }) => (child ? [child.pid] : []));
  }

  get hasFree(): boolean {
    return this.members.some(isFree);
  }

  /** Those that could begin something, as of when each is asked for. */
  *free(): Generator<Member<Job>> {
    for (const member of this.members) if (isFree(member)) yield member;
  }

  /** A worker has done something. */
  noteWork(): void {
    this.#idleDeaths = 0;
  }

  /** The first workers. @throws what {@link ForkServer} throws; then there is none */
  start(): Promise<void> {
    return this.#fork(this.members);
  }

  /** What could not be replaced once, perhaps can now. */
  fill(): void {
    for (const member of this.members) if (!member.child && !member.isForking) this.#replace(member);
  }

  kill(member: Member<Job>, why: Error): void {
    member.stopped ??= why;
    member.child?.signal(signalNumber("SIGKILL"));
  }

  /** Lets the workers leave, which they do when they find nobody at the other end; kills those that are at something. */
  async end(why: Error): Promise<void> {
    this.#isEnding = true;
    addon().holdLoop(true);
    for (const member of this.members) {
      if (member.job) this.kill(member, why);
      else member.child?.channel.shutDown();
    }
    while (this.#forking.size > 0 || this.members.some(({ child }) => child !== undefined)) {
      await new Promise<void>((resolve) => (this.#onChange = resolve));
    }
    addon().holdLoop(false);
  }

  async #fork(members: readonly Member<Job>[]): Promise<void> {
    const { url, export: name, files, arena, size, args } = this.#plan;
    const server = await ForkServer.of(url);
    let running = 0;
    try {
      const children = await server.fork({
        kind: "pool",
        export: name,
        set: files,
        arena,
        workerCount: size,
        orders: members.map(({ workerIndex }) => ({ workerIndex, args })),
        onForked: (child, order) => {
          running++;
          const member = this.members[order.workerIndex]!;
          Object.assign(member, { child, job: undefined, arenaVersion: -1, stopped: undefined });
          child.onExit((status) => this.#onExit(member, child, status));
          child.onGone(() => --running === 0 && server.letGo());
          child.channel.watch(() => void this.#receive(member, child));
        },
      });
      for (const [at, { pid }] of children.entries()) this.#owner.onFork(members[at]!, pid);
    } catch (error) {
      if (running === 0) server.letGo();
      throw error;
    }
  }

  /** One answer, if there is one: the loop comes back for the next. */
  #receive(member: Member<Job>, child: ForkedChild): boolean {
    if (member.child !== child || child.channel.isClosed) return false;
    let packet;
    try {
      packet = child.channel.receive<PoolAnswer>({ wait: false });
    } catch (error) {
      this.kill(member, error as Error); // not what a worker says
      return false;
    }
    if (packet === null) child.channel.unwatch(); // it ends, as we shall be told
    if (packet) this.#owner.onAnswer(member, child, packet.value);
    return Boolean(packet);
  }

  #onExit(member: Member<Job>, child: ForkedChild, status: ExitStatus | Error): void {
    while (this.#receive(member, child)); // what it said before it ended
    const { job, stopped } = member;
    Object.assign(member, { child: undefined, stopped: undefined });
    clearTimeout(member.timer);
    this.#owner.onEnd(member, child.pid, status, stopped);
    this.#idleDeaths = job ? 0 : this.#idleDeaths + 1;
    if (this.#isEnding) this.#onChange?.();
    else if (this.#idleDeaths <= maxIdleDeaths + 2 * this.members.length) this.#replace(member);
    else {
      this.#idleDeaths = 0;
      this.#break(new WorkerUsageError("ERR_POOL_BROKEN", "workers end before they have done anything"));
    }
  }

  #replace(member: Member<Job>): void {
    addon().holdLoop(true);
    member.isForking = true;
    const forking = this.#forkAgain(member).finally(() => {
      member.isForking = false;
      this.#forking.delete(forking);
      addon().holdLoop(false);
      this.#onChange?.();
    });
    this.#forking.add(forking);
  }

  async #forkAgain(member: Member<Job>): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#fork([member]);
        break;
      } catch (error) {
        // A server that died while it was asked: the next one is another.
        const isGone = error instanceof ForkServerError && error.code === "ERR_FORK_SERVER_DIED";
        if (!isGone || tries === serverTries) return this.#break(error as Error);
      }
    }
    if (this.#isEnding) this.kill(member, closedError());
    else this.#owner.onReplaced();
  }

  /** What waits would wait for ever. */
  #break(error: Error): void {
    if (this.#isEnding || this.members.some(({ child }) => child !== undefined)) return;
    this.#owner.onBroken(error);
  }
}

const isFree = ({ child, job, stopped }: Member<unknown>): boolean => child !== undefined && !job && !stopped;

export function closedError(): WorkerUsageError {
  return new WorkerUsageError("ERR_POOL_CLOSED", "the pool is closed");
}
