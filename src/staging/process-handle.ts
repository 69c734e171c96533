/** A handle on one forked worker: wait for it, look at it, signal it. */
import { addon } from "../addon/load.ts";
import type { ChildHandle } from "../addon/staging-binding.ts";
import { ioError } from "./io-error.ts";
import { signalName, signalNumber } from "./signals.ts";
import type { StagedSet } from "./stage.ts";

/** How a process ended: one of the two is null. Both are, when somebody else waited for it. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface JoinOptions {
  /** Aborting makes `join()` reject with the signal's reason; the process goes on. */
  readonly signal?: AbortSignal;
}

const ESRCH = 3;

/**
 * One forked process. It is always reaped, joined or not, and ends when this process does, or when the
 * `worker_thread` that made it does. Its pid is never signalled once it has been reaped.
 */
export class ProcessHandle {
  readonly pid: number;
  /** The files that it inherited. */
  readonly stagedFiles: StagedSet;
  readonly #child: ChildHandle;
  readonly #exit: Promise<ExitStatus>;
  #status: ExitStatus | undefined;
  #escalation: NodeJS.Timeout | undefined;

  /** Handles are made by `spawnWorkersWithStaging`; `onExit` runs before anybody who joined knows. */
  constructor(child: ChildHandle, pid: number, stagedFiles: StagedSet, onExit: () => void) {
    this.#child = child;
    this.pid = pid;
    this.stagedFiles = stagedFiles;
    this.#exit = new Promise((resolve) => {
      addon().childOnExit(child, (code, signal) => {
        clearTimeout(this.#escalation);
        this.#status = { code: code < 0 ? null : code, signal: signalName(signal) };
        onExit();
        resolve(this.#status);
      });
    });
  }

  /**
   * Waits for the process to end, without blocking the event loop, which goes on until then. May be called
   * any number of times.
   */
  async join(options: JoinOptions = {}): Promise<ExitStatus> {
    const { signal } = options;
    signal?.throwIfAborted();
    if (this.#status) return this.#status;
    addon().childHold(this.#child, true);
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
      addon().childHold(this.#child, false);
    }
  }

  /** Whether the process runs. False for a zombie. */
  isAlive(): boolean {
    return this.#status === undefined && addon().childIsAlive(this.#child);
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
    const error = this.#status ? ESRCH : addon().childSignal(this.#child, number);
    if (error === ESRCH) return false;
    if (error !== 0) throw ioError({ code: error, syscall: "kill" });
    if (escalateAfterMs !== undefined) {
      clearTimeout(this.#escalation);
      this.#escalation = setTimeout(
        () => void addon().childSignal(this.#child, signalNumber("SIGKILL")),
        escalateAfterMs,
      );
    }
    return true;
  }
}
