/** Tests that need what a machine may lack: without it they are skipped, and say so. */
import { existsSync } from "node:fs";
import { test } from "vitest";

import { isInstalled } from "./oracles.ts";

/** A program on the path or, with a slash, a file. */
export interface Requirement {
  readonly needs: string;
  /** The Debian package that has it. */
  readonly from: string;
}

const isThere = (name: string): boolean => (name.includes("/") ? existsSync(name) : isInstalled(name));

/** The packages that are missing. */
export function missing(requirements: readonly Requirement[]): string[] {
  return [...new Set(requirements.filter(({ needs }) => !isThere(needs)).map(({ from }) => from))];
}

/** `test`, or a skipped test whose name tells what is missing. */
export function testWith(
  requirements: readonly Requirement[],
  name: string,
  body: () => Promise<void>,
  timeoutMs?: number,
): void {
  const packages = missing(requirements).join(", ");
  if (packages !== "") process.stderr.write(`SKIPPED, needs ${packages}: ${name}\n`);
  test.skipIf(packages !== "")(packages === "" ? name : `${name} (needs ${packages})`, body, timeoutMs);
}
