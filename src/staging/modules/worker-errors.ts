/** What can go wrong in a worker that runs a function, and what is sent of it. */
import { inspect } from "node:util";

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
