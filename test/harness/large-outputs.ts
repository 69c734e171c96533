/** Checks of what was linked that also suit outputs of hundreds of megabytes. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { expect } from "vitest";

import { run } from "./oracles.ts";

/** Lines of `readelf -aW` with an error or a warning. Only they leave the pipe. */
export async function complaints(file: string): Promise<string[]> {
  const pattern = "^readelf: |\\b(Warning|Error): |<corrupt|<unknown";
  const { stdout } = await run("sh", ["-c", 'readelf -aW "$1" 2>&1 | grep -aE "$2" | head -20', "sh", file, pattern], {
    timeoutMs: 300_000,
  });
  return stdout.split("\n").filter((line) => line !== "");
}

async function digest(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/**
 * Links the same with 1, 2 and 8 workers: `link` gets the option and the output. The files that it leaves are those of
 * one of these links; `others` are written by it, too.
 */
export async function expectSameBytes(
  output: string,
  link: (option: string, output: string) => Promise<unknown>,
  others: readonly string[] = [],
): Promise<void> {
  const files = [output, ...others];
  const seen = files.map(() => new Set<string>());
  for (const workers of [1, 8, 2]) {
    for (const file of files) await rm(file, { force: true }); // so that a link that writes nothing is noticed
    await link(`-Wl,--threads=${workers}`, output);
    for (const [i, file] of files.entries()) seen[i]?.add(await digest(file));
  }
  for (const [i, file] of files.entries())
    expect(seen[i]?.size, `different bytes with 1, 8 and 2 workers: ${file}`).toBe(1);
}
