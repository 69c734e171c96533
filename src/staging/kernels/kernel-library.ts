/** Kernels of one's own: a shared object with a table of them, as `native/include/spore/kernel.h` has it. */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { addon } from "../../addon/load.ts";
import type { KernelLibraryFailure } from "../../addon/staging-binding.ts";
import { throwIfCut } from "../io-error.ts";

/** A library's kernels cannot be had. */
export class KernelLibraryError extends Error {
  override readonly name = "KernelLibraryError";
  /**
   * `ERR_KERNEL_LIBRARY`: it does not load, or has no table of kernels.
   * `ERR_KERNEL_ABI`: it was compiled for another version of the header.
   * `ERR_KERNEL_TAKEN`: there is another kernel of one of its names.
   */
  readonly code: KernelLibraryFailure;
  /** Absolute. */
  readonly path: string;

  constructor(code: KernelLibraryFailure, path: string, reason: string) {
    super(`cannot load the kernels of "${path}": ${reason}`);
    this.code = code;
    this.path = path;
  }
}

/**
 * Loads a shared object, for as long as the process lives, and makes its kernels known to all threads. Workers
 * that are forked from now on can run them. Loading it again changes nothing.
 * @param file a URL, or a path: absolute, or relative to the working directory
 * @returns the names of its kernels
 * @throws IoError for a path that cannot be, KernelLibraryError; then none of its kernels is known
 */
export function loadKernels(file: URL | string): readonly string[] {
  const path = resolve(file instanceof URL || file.startsWith("file:") ? fileURLToPath(file) : file);
  throwIfCut(path, "dlopen");
  const result = addon().loadKernels(path);
  if (Array.isArray(result)) return result;
  throw new KernelLibraryError(result.code, path, result.message);
}
