/** Generated scripts, by which GNU ld and Spore lay out the same objects; where everything is must be the same. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { type LaidOut, laidOut } from "../harness/laid-out.ts";
import { bfd, type Ended, run, spore } from "../harness/oracles.ts";
import { generatedScript } from "./script.ts";

/** What differs, in a few lines; undefined where nothing does. */
export async function tryScript(seed: number, folder: string): Promise<string | undefined> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const { sources, script, flags } = generatedScript(seed);
  await writeFile(join(folder, "script.ld"), script);
  const objects: string[] = [];
  for (const [name, source] of sources) {
    await writeFile(join(folder, `${name}.s`), source);
    await run("as", [`${name}.s`, "-o", `${name}.o`], { cwd: folder });
    objects.push(`${name}.o`);
  }
  const link = (linker: { path: string }, output: string): Promise<Ended> =>
    run(linker.path, [...flags, "-T", "script.ld", ...objects, "-o", output], { cwd: folder });
  const [theirs, ours] = await Promise.all([link(bfd, "theirs"), link(spore, "ours")]);
  if (ours.stderr.includes("internal error") || ours.status === null) return ours.stderr;
  if (theirs.status !== 0 || ours.status !== 0)
    return theirs.status === ours.status || isAmbiguous(theirs, ours)
      ? undefined
      : `GNU ld ends with ${theirs.status}, Spore with ${ours.status}:\n${theirs.stderr}${ours.stderr}`;
  const [a, b] = await Promise.all([laidOut(join(folder, "theirs")), laidOut(join(folder, "ours"))]);
  return difference(a, b);
}

/** GNU ld takes what it cannot evaluate for 0, or goes on with what an earlier pass found. */
function isAmbiguous(theirs: Ended, ours: Ended): boolean {
  return theirs.status === 0 && /leads back to itself|depend on each other/.test(ours.stderr);
}

function difference(theirs: LaidOut, ours: LaidOut): string | undefined {
  const parts: string[] = [];
  for (const what of ["sections", "segments", "symbols"] as const) {
    const [first, second] = [comparable(theirs, what), comparable(ours, what)];
    const missing = first.filter((line) => !second.includes(line));
    const added = second.filter((line) => !first.includes(line));
    if (missing.length + added.length > 0)
      parts.push([what, ...missing.map((line) => `  - ${line}`), ...added.map((line) => `  + ${line}`)].join("\n"));
  }
  for (const [name, bytes] of theirs.contents)
    if (parts.length === 0 && !isSame(bytes, ours.contents.get(name) ?? ""))
      parts.push(`contents of ${name}:\n  - ${bytes}\n  + ${ours.contents.get(name) ?? "none"}`);
  return parts.length === 0 ? undefined : parts.join("\n");
}

/**
 * What is compared: of symbols their values; of segments those that are loaded, without the load address of headers that
 * have a segment of their own, which GNU ld has a page too low.
 */
function comparable(file: LaidOut, what: "sections" | "segments" | "symbols"): readonly string[] {
  if (what === "sections") return file.sections;
  if (what === "symbols") return file.symbols.map((line) => line.replace(/ \S+ (\S+)$/, " $1"));
  return file.segments
    .filter((line) => line.startsWith("LOAD"))
    .map((line, i) => (i === 0 ? line.replace(/^(LOAD \S+) \S+( .* R)$/, "$1 -$2") : line));
}

/** GNU ld fills gaps in code with long instructions that do nothing, Spore with short ones. */
function isSame(theirs: string, ours: string): boolean {
  if (theirs.length !== ours.length) return false;
  for (let at = 0; at < theirs.length; at += 2) {
    const [a, b] = [theirs.slice(at, at + 2), ours.slice(at, at + 2)];
    if (a !== b && !((b === "90" || b === "00") && ["0f", "1f", "66", "2e", "40", "44", "80", "84", "00"].includes(a)))
      return false;
  }
  return true;
}
