/** What can go wrong with workers, beyond I/O. */
import { inspect } from "node:util";

/** A pool or a worker was used in a way that cannot work. */
export class WorkerUsageError extends Error {
  override readonly name: string = "WorkerUsageError";
  /**
   * `ERR_KERNEL_UNKNOWN`: no kernel of that name, or none before the pool was forked.
   * `ERR_WORKER_KIND`: the workers of one call are of different kinds.
   * `ERR_WORKER_NOT_FORKABLE`: this process has threads, so it cannot fork a function.
   * `ERR_WORKER_NESTED`: a worker in JavaScript wanted workers of its own.
   * `ERR_QUEUE_FULL`: a pool's queue has as many tasks as it may.
   * `ERR_WORKER_ARENA`: a worker asked for an arena, and none was given.
   * `ERR_POOL_BUSY`: a pool runs one job at a time. `ERR_POOL_CLOSED`. `ERR_POOL_BROKEN`: a job crashed.
   */
  readonly code:
    | "ERR_KERNEL_UNKNOWN"
    | "ERR_WORKER_KIND"
    | "ERR_WORKER_NOT_FORKABLE"
    | "ERR_WORKER_NESTED"
    | "ERR_WORKER_ARENA"
    | "ERR_QUEUE_FULL"
    | "ERR_POOL_BUSY"
    | "ERR_POOL_CLOSED"
    | "ERR_POOL_BROKEN";

  constructor(code: WorkerUsageError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** The rows that a kernel was working on; `first` up to, not including, `end`. */
export interface FailedRange {
  readonly kernel: string;
  readonly first: number;
  readonly end: number;
}

function describe({ kernel, first, end }: FailedRange, what: string | undefined): string {
  return `kernel "${kernel}", rows ${first} to ${end - 1}${what === undefined ? "" : ` (${what})`}`;
}

/** A worker died over a chunk, and so did the one that took it again. The pool can only be closed. */
export class WorkerCrashError extends Error implements FailedRange {
  override readonly name = "WorkerCrashError";
  readonly code = "ERR_WORKER_CRASHED";
  readonly kernel: string;
  readonly first: number;
  readonly end: number;
  /** The signal that ended the second worker, or null when it exited by itself. */
  readonly signal: NodeJS.Signals | null;
  readonly exitCode: number | null;
  readonly pid: number;
  /** Staged files that have changed on disk since they were staged: the usual reason for `SIGBUS`. */
  readonly changedFiles: readonly string[];

  constructor(
    range: FailedRange,
    exit: { signal: NodeJS.Signals | null; exitCode: number | null; pid: number },
    changedFiles: readonly string[],
    what?: string,
  ) {
    const how = exit.signal === null ? `exited with ${exit.exitCode}` : `was ended by ${exit.signal}`;
    const changed = changedFiles.length === 0 ? "" : `; changed since it was staged: "${changedFiles.join('", "')}"`;
    super(`worker ${exit.pid} ${how}: ${describe(range, what)}${changed}`);
    this.kernel = range.kernel;
    this.first = range.first;
    this.end = range.end;
    this.signal = exit.signal;
    this.exitCode = exit.exitCode;
    this.pid = exit.pid;
    this.changedFiles = changedFiles;
  }
}

/** A kernel returned a status other than 0. The pool goes on. */
export class KernelError extends Error implements FailedRange {
  override readonly name = "KernelError";
  readonly code = "ERR_KERNEL_FAILED";
  readonly kernel: string;
  readonly first: number;
  readonly end: number;
  /** What the kernel returned, for the first chunk that failed. */
  readonly status: number;

  constructor(range: FailedRange, status: number, what?: string) {
    super(`status ${status}: ${describe(range, what)}`);
    this.kernel = range.kernel;
    this.first = range.first;
    this.end = range.end;
    this.status = status;
  }
}

/** What is left of an error of another process. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  readonly code: string | undefined;
}

/** Whatever was thrown, for another process. */
export function sendableError(thrown: unknown): SentError {
  if (!(thrown instanceof Error)) {
    const message = typeof thrown === "string" ? thrown : inspect(thrown);
    return { name: "", message, stack: `thrown: ${message}`, code: undefined };
  }
  // Anybody's error may have anything there.
  const { name, message, stack, code } = thrown as { [Key in "name" | "message" | "stack" | "code"]: unknown };
  return {
    name: String(name),
    message: String(message),
    stack: String(stack ?? message),
    code: typeof code === "string" ? code : undefined,
  };
}

/** A function that ran in a worker threw, or its promise was rejected. */
export class WorkerError extends Error {
  override readonly name = "WorkerError";
  readonly code = "ERR_WORKER_THREW";
  /** The process that it ran in. */
  readonly pid: number;
  /** The name of what was thrown (`TypeError`, …); empty when that was not an error. */
  readonly workerName: string;
  /** Its `code`, when it had one (`ENOENT`, `ERR_STAGE_SHRANK`, …). */
  readonly workerCode: string | undefined;

  /** @internal The message and the stack are those in the worker. */
  constructor(pid: number, sent: SentError) {
    super(sent.message);
    this.pid = pid;
    this.workerName = sent.name;
    this.workerCode = sent.code;
    this.stack = `WorkerError: in worker ${pid}: ${sent.stack}`;
  }
}

/** The process that forks workers in JavaScript could not do so. */
export class ForkServerError extends Error {
  override readonly name = "ForkServerError";
  /**
   * `ERR_WORKER_MODULE`: the module cannot be loaded, or does not export such a function.
   * `ERR_WORKER_THREADS`: the module started threads, which a fork would lose.
   * `ERR_FORK_SERVER_DIED`: it ended, and its children with it; what they had done is not known.
   */
  readonly code: "ERR_WORKER_MODULE" | "ERR_WORKER_THREADS" | "ERR_FORK_SERVER_DIED";

  constructor(code: ForkServerError["code"], message: string, stack?: string) {
    super(message);
    this.code = code;
    if (stack !== undefined) this.stack = `ForkServerError: ${message}\n${stack}`;
  }
}

/** A task of a pool was begun and did not end by itself. */
export class TaskError extends Error {
  override readonly name = "TaskError";
  /**
   * `ERR_TASK_CRASHED`: its worker died, as often as the pool's `retries` allow.
   * `ERR_TASK_TIMEOUT`: it took longer than it may; its worker was ended.
   */
  readonly code: "ERR_TASK_CRASHED" | "ERR_TASK_TIMEOUT";
  /** The last worker that had it. */
  readonly pid: number;
  /** How that worker ended; null when it exited by itself. */
  readonly signal: NodeJS.Signals | null;
  readonly exitCode: number | null;
  /** How often it was begun. */
  readonly attempts: number;

  constructor(
    code: TaskError["code"],
    message: string,
    at: { pid: number; signal: NodeJS.Signals | null; exitCode: number | null; attempts: number },
  ) {
    super(message);
    this.code = code;
    this.pid = at.pid;
    this.signal = at.signal;
    this.exitCode = at.exitCode;
    this.attempts = at.attempts;
  }
}
