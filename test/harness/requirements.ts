/** Tests that need what a machine may lack are skipped there, and say so: `test.skipIf(lacks(requirements))`. */
import { existsSync } from "node:fs";

import { isInstalled } from "./oracles.ts";

/** A program on the path or, with a slash, a file. */
export interface Requirement {
  readonly needs: string;
  /** The Debian package that has it. */
  readonly from: string;
}

const isThere = (name: string): boolean => (name.includes("/") ? existsSync(name) : isInstalled(name));

const told = new Set<string>();

/** Whether something is missing. Says which packages have it, once. */
export function lacks(requirements: readonly Requirement[]): boolean {
  const packages = new Set(requirements.filter(({ needs }) => !isThere(needs)).map(({ from }) => from));
  for (const name of packages) tell(`${name}, which is not installed`);
  return packages.size > 0;
}

/** Whether the tests do not run as root. Says so, once. */
export function lacksRoot(what: string): boolean {
  const isRoot = process.geteuid?.() === 0;
  if (!isRoot) tell(`root (${what})`);
  return !isRoot;
}

function tell(what: string): void {
  if (!told.has(what)) process.stderr.write(`SKIPPED: tests that need ${what}\n`);
  told.add(what);
}
