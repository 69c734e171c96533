/** A handle on one forked worker: wait for it, look at it, signal it. */
import { addon } from "../addon/load.ts";
import type { ChildExit, ChildHandle } from "../addon/staging-binding.ts";
import type { Arena } from "./arena.ts";
import { milliseconds } from "./clock.ts";
import { publish } from "./events.ts";
import { ioError } from "./io-error.ts";
import type { ExitStatus, WorkerUsage } from "./reports.ts";
import { signalName, signalNumber } from "./signals.ts";
import type { StagedSet } from "./stage.ts";

export interface JoinOptions {
  /** Aborting makes `join()` reject with the signal's reason; the process goes on. */
  readonly signal?: AbortSignal;
}

/** What a handle does to its process: how depends on whose child it is. */
export interface ChildControl {
  /**
   * Calls back once, when the process has ended; with an error when it failed or nobody knows how it ended. No usage:
   * somebody else has waited for it.
   */
  onExit(callback: (status: ExitStatus | Error, usage: WorkerUsage | undefined) => void): void;
  /** False for a zombie. */
  isAlive(): boolean;
  /** 0 or an errno; `ESRCH` when it has ended. */
  signal(signal: number): number;
  /** As often held as let go: while held, the event loop goes on until the process ends. */
  hold(isHeld: boolean): void;
}

/** A child that runs. */
export interface StartedChild {
  readonly child: ChildControl;
  readonly pid: number;
}

/** Forks workers over a set, and calls back with those that run. */
export type StartWorkers = (
  set: StagedSet,
  arena: Arena | undefined,
  onStarted: (started: readonly StartedChild[]) => void,
) => Promise<void>;

const ESRCH = 3;

/** Of a child that was reaped. */
export function exitOf([code, signal, cpuMs, minorFaults, majorFaults]: ChildExit): {
  readonly status: ExitStatus;
  readonly usage: WorkerUsage | undefined;
} {
  return {
    status: { code: code < 0 ? null : code, signal: signalName(signal) },
    usage: cpuMs < 0 ? undefined : { cpuMs, minorFaults, majorFaults },
  };
}

/** A child of this process, which reaps it itself. */
export function ownChild(
  child: ChildHandle,
  explain: (status: ExitStatus) => ExitStatus | Error = (status) => status,
): ChildControl {
  return {
    onExit: (callback) =>
      addon().childOnExit(child, (...exit) => {
        const { status, usage } = exitOf(exit);
        callback(explain(status), usage);
      }),
    isAlive: () => addon().childIsAlive(child),
    signal: (signal) => addon().childSignal(child, signal),
    hold: (isHeld) => addon().childHold(child, isHeld),
  };
}

/**
 * One forked process. It is always reaped, joined or not, and ends when this process does, or when the
 * `worker_thread` that made it does. Its pid is never signalled once it has been reaped.
 */
export class ProcessHandle {
  readonly pid: number;
  /** The files that it inherited. */
  readonly stagedFiles: StagedSet;
  readonly #child: ChildControl;
  readonly #exit: Promise<ExitStatus | Error>;
  #status: ExitStatus | Error | undefined;
  #escalation: NodeJS.Timeout | undefined;

  /** @internal Handles are made by `spawnWorkersWithStaging`; `onExit` runs before anybody who joined knows. */
  constructor(child: ChildControl, pid: number, stagedFiles: StagedSet, onExit: () => void) {
    this.#child = child;
    this.pid = pid;
    this.stagedFiles = stagedFiles;
    const began = milliseconds();
    this.#exit = new Promise((resolve) => {
      child.onExit((status, usage) => {
        clearTimeout(this.#escalation);
        this.#status = status;
        const { code, signal } = status instanceof Error ? { code: null, signal: null } : status;
        publish("exit", began, () => ({ pid, code, signal, usage }));
        onExit();
        resolve(status);
      });
    });
  }

  /**
   * Waits for the process to end, without blocking the event loop, which goes on until then. May be called
   * any number of times.
   * @throws WorkerError when a worker in JavaScript threw
   * @throws ForkServerError when nobody knows how the worker ended
   */
  async join(options: JoinOptions = {}): Promise<ExitStatus> {
    const { signal } = options;
    signal?.throwIfAborted();
    const status = this.#status ?? (await this.#wait(signal));
    if (status instanceof Error) throw status;
    return status;
  }

  async #wait(signal: AbortSignal | undefined): Promise<ExitStatus | Error> {
    this.#child.hold(true);
    let onAbort: (() => void) | undefined;
    try {
      if (!signal) return await this.#exit;
      const aborted = new Promise<never>((_, reject) => {
        onAbort = () => reject(signal.reason as Error);
        signal.addEventListener("abort", onAbort, { once: true });
      });
      return await Promise.race([this.#exit, aborted]);
    } finally {
      if (onAbort) signal?.removeEventListener("abort", onAbort);
      this.#child.hold(false);
    }
  }

  /** Whether the process runs. False for a zombie. */
  isAlive(): boolean {
    return this.#status === undefined && this.#child.isAlive();
  }

  /**
   * Sends a signal.
   * @param signal the signal; 0 only asks whether it could be sent
   * @param escalateAfterMs when given, `SIGKILL` follows after so many ms unless the process has ended
   * @returns false when the process has ended already
   * @throws IoError when the signal cannot be sent for another reason
   */
  kill(signal: NodeJS.Signals | number = "SIGTERM", escalateAfterMs?: number): boolean {
    const number = signalNumber(signal);
    const error = this.#status ? ESRCH : this.#child.signal(number);
    if (error === ESRCH) return false;
    if (error !== 0) throw ioError({ code: error, syscall: "kill" });
    if (escalateAfterMs !== undefined) {
      clearTimeout(this.#escalation);
      this.#escalation = setTimeout(() => void this.#child.signal(signalNumber("SIGKILL")), escalateAfterMs);
    }
    return true;
  }
}
