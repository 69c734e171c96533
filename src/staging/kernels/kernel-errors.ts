/** How a job of kernels fails. */
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
