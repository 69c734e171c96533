/** Workers, or a pool of them, were used in a way that cannot work. */
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
