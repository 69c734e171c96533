/** What a process and its fork server say to each other. */
import type { ChildExit } from "../../addon/staging-binding.ts";
import type { IoFailure } from "../io-error.ts";
import type { ForkServerError, SentError } from "./worker-errors.ts";

/** How a child uses its function: once, and its result is the exit code; or for task after task. */
export type WorkerKind = "once" | "pool";

/** One child to fork. Its channel is the descriptor at the same index. */
export interface ForkOrder {
  readonly workerIndex: number;
  readonly args: unknown;
}

/** Each is answered by a {@link Reply}; one is on its way at a time, so that no socket's buffer is ever full. */
export type Request =
  | { readonly op: "load"; readonly url: string }
  /** Part of a set of files. Descriptors are of those that have bytes, in order. */
  | {
      readonly op: "files";
      readonly id: number;
      readonly paths: readonly string[];
      readonly modes: Uint8Array;
      readonly identities: BigUint64Array;
      readonly hasBytes: Uint8Array;
      readonly isLast: boolean;
    }
  | { readonly op: "arena"; readonly id: number; readonly reservedBytes: number; readonly baseAddress: number }
  | {
      readonly op: "fork";
      readonly kind: WorkerKind;
      readonly export: string;
      readonly files: number;
      readonly arena: { readonly id: number; readonly extents: Float64Array } | undefined;
      readonly workerCount: number;
      readonly directory: string;
      readonly orders: readonly ForkOrder[];
    }
  | { readonly op: "forget"; readonly kind: "files" | "arena"; readonly id: number }
  /** Where there are no pidfds. */
  | { readonly op: "signal"; readonly pid: number; readonly signal: number };

export type RequestError =
  | {
      readonly kind: "server";
      readonly code: ForkServerError["code"];
      readonly message: string;
      readonly stack?: string;
    }
  | { readonly kind: "io"; readonly failure: IoFailure }
  | { readonly kind: "other"; readonly error: SentError };

export type Reply =
  /** To `fork`: the children, and their pidfds as descriptors where there are any. */
  { readonly op: "done"; readonly pids: readonly number[] } | { readonly op: "failed"; readonly error: RequestError };

/** Sent when a child was reaped. */
export interface Ended {
  readonly op: "ended";
  readonly pid: number;
  readonly exit: ChildExit;
}

/** What a child that runs once says to the process that asked for it, if it says anything. */
export interface LastWords {
  readonly error: SentError;
}

/** Where a map has its chunks and its results. */
export interface MapPlace {
  /** In the arena. */
  readonly offset: number;
  /** Chunks that there is room for. */
  readonly capacity: number;
}

/** What a pool says to a worker. */
export type PoolOrder =
  | {
      readonly op: "task";
      readonly id: number;
      readonly task?: unknown;
      readonly attempt: number;
      /** Of the arena, when they have changed. */
      readonly extents?: Float64Array;
    }
  /** Take chunks while there are free ones. */
  | {
      readonly op: "map";
      readonly id: number;
      readonly task?: unknown;
      readonly chunks: number;
      readonly place: MapPlace;
      readonly extents?: Float64Array;
    };

/** What a worker says to its pool. Small results of chunks are in its ring: see result-ring.ts. */
export type PoolAnswer =
  | { readonly op: "result"; readonly id: number; readonly chunk: number; readonly value?: unknown }
  | { readonly op: "error"; readonly id: number; readonly chunk: number; readonly error: SentError }
  /** No chunk of the map is left that this worker could take. */
  | { readonly op: "idle"; readonly id: number }
  /** The worker ends: nobody caught this. */
  | { readonly op: "failed"; readonly error: SentError };
