/** Finds `-lNAME` and the files that scripts name, in the order in which GNU ld looks. */
import { statSync } from "node:fs";
import { join } from "node:path";

import type { LinkOptions } from "../options/link-options.ts";

/**
 * Where GNU ld of Debian looks on x86-64 (its SEARCH_DIR lines: `ld --verbose`). All are below the sysroot.
 */
export const defaultDirectories = [
  "/usr/local/lib/x86_64-linux-gnu",
  "/lib/x86_64-linux-gnu",
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/x86_64-linux-gnu64",
  "/usr/local/lib64",
  "/lib64",
  "/usr/lib64",
  "/usr/local/lib",
  "/lib",
  "/usr/lib",
  "/usr/x86_64-linux-gnu/lib64",
  "/usr/x86_64-linux-gnu/lib",
];

/** Puts the sysroot before what begins with `=` or `$SYSROOT`. */
export function expandSysroot(path: string, sysroot: string): string {
  if (path.startsWith("=")) return sysroot + path.slice(1);
  if (path.startsWith("$SYSROOT")) return sysroot + path.slice("$SYSROOT".length);
  return path;
}

/** Whether a file is there. What the system cannot look for (a name too long, a directory without access) is not. */
export function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch {
    return false;
  }
}

/** Directories in which libraries are looked for; scripts may add to them. */
export class LibrarySearch {
  readonly #directories: string[];
  readonly #sysroot: string;
  /** Files of each directory that were asked for, so that a library named often is looked up once. */
  readonly #known = new Map<string, boolean>();

  constructor(options: Pick<LinkOptions, "libraryPaths" | "sysroot" | "isNoStdlib">) {
    this.#sysroot = options.sysroot;
    const asked = options.libraryPaths.map((path) => expandSysroot(path, options.sysroot));
    const defaults = options.isNoStdlib ? [] : defaultDirectories.map((path) => options.sysroot + path);
    this.#directories = [...new Set([...asked, ...defaults])];
  }

  /** In order. */
  get directories(): readonly string[] {
    return this.#directories;
  }

  /** Adds the directory of a script's SEARCH_DIR, after those that are known. */
  addDirectory(path: string): void {
    const directory = expandSysroot(path, this.#sysroot);
    if (!this.#directories.includes(directory)) this.#directories.push(directory);
  }

  /**
   * The files that may answer `-lNAME`, or `-l:FILE` for a name with a colon, best first: in each directory
   * the shared object before the archive. The caller takes the first that is for its machine.
   */
  *candidates(name: string, isStatic: boolean): Generator<string> {
    const files = name.startsWith(":")
      ? [name.slice(1)]
      : isStatic
        ? [`lib${name}.a`]
        : [`lib${name}.so`, `lib${name}.a`];
    for (const directory of this.#directories)
      for (const file of files) {
        const path = join(directory, file);
        if (this.#exists(path)) yield path;
      }
  }

  /** The files of this name in `first`, then in the library directories: for names in scripts. */
  *filesFrom(first: readonly string[], name: string): Generator<string> {
    for (const directory of [...first, ...this.#directories]) {
      const path = join(directory, name);
      if (this.#exists(path)) yield path;
    }
  }

  #exists(path: string): boolean {
    let known = this.#known.get(path);
    if (known === undefined) this.#known.set(path, (known = isFile(path)));
    return known;
  }
}
