/**
 * Finds the shared objects that shared objects need (DT_NEEDED) and that nobody named, where GNU ld looks for
 * them. They are not linked with; they say which symbols of those that need them are defined.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import type { LinkOptions } from "../options/link-options.ts";
import { globToRegExp, isGlob } from "../script/glob.ts";
import { defaultDirectories, expandSysroot } from "./library-search.ts";

/** Whose DT_NEEDED it is. */
export interface NeededBy {
  readonly path: string;
  readonly runpath: string | undefined;
}

/** Files of /etc/ld.so.conf may include files, but not for ever. */
const MAX_CONFIGURATION_DEPTH = 8;

export class NeededSearch {
  readonly #options: Pick<LinkOptions, "rpath" | "rpathLink" | "sysroot" | "isNoStdlib">;
  readonly #environment: NodeJS.ProcessEnv;
  #configured: readonly string[] | undefined;

  constructor(
    options: Pick<LinkOptions, "rpath" | "rpathLink" | "sysroot" | "isNoStdlib">,
    environment: NodeJS.ProcessEnv,
  ) {
    this.#options = options;
    this.#environment = environment;
  }

  /** Paths that may answer, best first; whether there are such files is for the caller to find out. */
  *candidates(name: string, by: NeededBy): Generator<string> {
    if (name.includes("/")) {
      yield name;
      return;
    }
    for (const directory of this.#directories(by)) if (directory !== "") yield join(directory, name);
  }

  /** As `man ld` lists them under -rpath-link. */
  *#directories(by: NeededBy): Generator<string> {
    const { rpathLink, rpath, sysroot, isNoStdlib } = this.#options;
    const split = (path: string | undefined): string[] => (path ?? "").split(":");
    const inSysroot = (path: string): string => (path === "" ? "" : sysroot + path);
    yield* rpathLink.map((path) => expandSysroot(path, sysroot));
    const here = dirname(by.path);
    // An image for another root is not loaded with this machine's environment.
    if (sysroot === "") {
      yield* split(rpath).map((path) => expandOrigin(path, "."));
      yield* split(this.#environment["LD_LIBRARY_PATH"]);
    }
    yield* split(by.runpath).map((path) => (/\$\{?ORIGIN/.test(path) ? expandOrigin(path, here) : inSysroot(path)));
    yield* this.#configuredDirectories().map(inSysroot);
    if (!isNoStdlib) yield* defaultDirectories.map(inSysroot);
  }

  #configuredDirectories(): readonly string[] {
    const { sysroot } = this.#options;
    return (this.#configured ??= readConfiguration(`${sysroot}/etc/ld.so.conf`, sysroot, 0));
  }
}

const expandOrigin = (path: string, origin: string): string => path.replace(/\$(ORIGIN\b|\{ORIGIN\})/g, origin);

/** The directories of the loader's configuration: one a line, and `include GLOB`. */
function readConfiguration(path: string, sysroot: string, depth: number): string[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return []; // a system without one has the default directories
  }
  const lines = text.split("\n").map((line) => line.replace(/#.*/, "").trim());
  return lines.flatMap((line) => {
    const include = /^include\s+(.+)$/.exec(line)?.[1];
    if (include === undefined) return line === "" ? [] : [line.replace(/=.*/, "")];
    if (depth === MAX_CONFIGURATION_DEPTH) return [];
    const pattern = include.startsWith("/") ? sysroot + include : join(dirname(path), include);
    return matchFiles(pattern).flatMap((file) => readConfiguration(file, sysroot, depth + 1));
  });
}

/** Files of a directory whose names match the last part of a path. */
function matchFiles(pattern: string): string[] {
  const name = basename(pattern);
  if (!isGlob(name)) return [pattern];
  try {
    const matches = globToRegExp(name);
    const files = readdirSync(dirname(pattern)).filter((file) => matches.test(file));
    return files.sort().map((file) => join(dirname(pattern), file));
  } catch {
    return [];
  }
}
