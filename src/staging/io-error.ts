/** The one error class for what goes wrong with files, mappings and processes. */
import { getSystemErrorMap } from "node:util";

import type { NativeFailure } from "../addon/staging-binding.ts";

/** What failed, without the cost of an `Error`. */
export interface IoFailure {
  /** A name from errno (`ENOENT`, `EACCES`, `EISDIR`, `ENOMEM`, …) or one of ours (`ERR_…`). */
  readonly code: string;
  /** The system call that failed, or the library call that found out. */
  readonly syscall: string;
  /** The file it was about, when it was about one. */
  readonly path: string | undefined;
}

/** Codes that no system call reports. */
const ownMessages = {
  ERR_STAGE_BUDGET: "the budget for staged bytes is exhausted",
  ERR_STAGE_NOT_REGULAR: "not a regular file",
  ERR_STAGE_MAPPINGS:
    "the process has as many mappings as vm.max_map_count allows; raise it (sysctl vm.max_map_count), or stage fewer files at a time",
  ERR_STAGE_TOO_LARGE: "the file is larger than one ArrayBuffer can be",
  ERR_STAGE_CLOSED: "the file is not staged any more",
  ERR_STAGE_SHRANK: "the file shrank while it was staged",
  ERR_STAGE_WRITTEN: "a view of the file, which is read-only, was written to",
  ERR_STAGE_CHANGED: "the file was changed since it was staged",
  ERR_STAGE_REPLACED: "another file has the path of what was staged",
  ERR_PATH_NUL: "a path cannot have a NUL in it",
  ERR_ARENA_BORROWED: "only the process that made the arena allocates from it",
  ERR_ARENA_FULL: "the arena's reserved space is exhausted",
  ERR_ARENA_CLOSED: "the arena is closed",
  ERR_ARENA_NO_VIEW: "external buffers are forbidden here, and a copy would not be shared",
} as const satisfies Record<string, string>;

/** A code that is Spore's own. */
export type OwnCode = keyof typeof ownMessages;

/** Node makes a new map at each call. */
let systemErrors: ReadonlyMap<number, readonly [code: string, message: string]> | undefined;

function errnoTable(): NonNullable<typeof systemErrors> {
  return (systemErrors ??= getSystemErrorMap());
}

function messageOf(code: string): string {
  if (code in ownMessages) return ownMessages[code as OwnCode];
  for (const [name, message] of errnoTable().values()) if (name === code) return message;
  return "unknown error";
}

/** An operation on a file, a mapping or a process failed. The message reads as Node's own do. */
export class IoError extends Error implements IoFailure {
  override readonly name = "IoError";
  readonly code: string;
  readonly syscall: string;
  readonly path: string | undefined;
  /** What the code means, in the words of the system. */
  readonly reason: string;

  constructor({ code, syscall, path }: IoFailure) {
    const reason = messageOf(code);
    super(`${code}: ${reason}, ${syscall}${path === undefined ? "" : ` "${path.replaceAll("\0", "\\0")}"`}`);
    this.reason = reason;
    this.code = code;
    this.syscall = syscall;
    this.path = path;
  }
}

/**
 * For what is going to be a string of C, which would end at the NUL and name another file.
 * @throws IoError `ERR_PATH_NUL`
 */
export function throwIfCut(path: string, syscall: string): void {
  if (path.includes("\0")) throw new IoError({ code: "ERR_PATH_NUL", syscall, path });
}

/** Names what the addon reported. */
export function toFailure(native: NativeFailure, path?: string): IoFailure {
  const code =
    typeof native.code === "string" ? native.code : (errnoTable().get(-native.code)?.[0] ?? `E${native.code}`);
  return { code, syscall: native.syscall, path };
}

/** An {@link IoError} for what the addon, or `node:fs`, reported. */
export function ioError(cause: NativeFailure | NodeJS.ErrnoException, path?: string): IoError {
  if (cause instanceof Error) {
    return new IoError({ code: cause.code ?? "EIO", syscall: cause.syscall ?? "unknown", path: path ?? cause.path });
  }
  return new IoError(toFailure(cause, path));
}

/** Whether a result of the addon is a failure. */
export function isFailure(result: unknown): result is NativeFailure {
  return typeof result === "object" && result !== null && "syscall" in result && "code" in result;
}
