/** What can go wrong with workers, beyond I/O. */

/** A pool or a worker was used in a way that cannot work. */
export class WorkerUsageError extends Error {
  override readonly name: string = "WorkerUsageError";
  /**
   * `ERR_KERNEL_UNKNOWN`: no kernel of that name, or none before the pool was forked.
   * `ERR_WORKER_UNSUPPORTED`: workers written in JavaScript are not supported.
   * `ERR_POOL_BUSY`: a pool runs one job at a time. `ERR_POOL_CLOSED`. `ERR_POOL_BROKEN`: a job crashed.
   */
  readonly code:
    | "ERR_KERNEL_UNKNOWN"
    | "ERR_WORKER_UNSUPPORTED"
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
