/** What staging says of what was done: plain values, which events, results and handles share. */

/** How a process ended: one of the two is null. Both are, when somebody else waited for it. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a process took, all its life. */
export interface WorkerUsage {
  /** ms of processor time. */
  readonly cpuMs: number;
  /** Page faults that needed no reading. */
  readonly minorFaults: number;
  readonly majorFaults: number;
}

/** What one worker did for a job. */
export interface WorkerReport {
  /** ms in the kernel. */
  readonly busyMs: number;
  readonly chunks: number;
  readonly minorFaults: number;
}

/** What one job of kernels took. */
export interface JobReport {
  readonly kernel: string;
  readonly rows: number;
  readonly chunks: number;
  /** ms from publishing the job to the end of its last chunk. */
  readonly wallMs: number;
  readonly workers: readonly WorkerReport[];
  /** Chunks that were run again because their worker died. */
  readonly retriedChunks: number;
}
