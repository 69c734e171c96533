/** Independent readers of what was linked, and the linkers that are witnesses. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The package's root. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** How one command ended. */
export interface Ended {
  /** Exit status; 128 + the signal's number when a signal ended it, as shells have it. */
  readonly status: number;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string;
  readonly timeoutMs?: number;
}

const signalStatus = 128;

/** Runs a program to its end. Resolves however it ended; rejects only when it could not be started. */
export function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { cwd, env, input, timeoutMs = 60_000 } = options;
  return new Promise((settle, reject) => {
    const child = execFile(
      file,
      [...args],
      { cwd, env: { ...process.env, ...env }, maxBuffer: 1 << 28, timeout: timeoutMs, killSignal: "SIGKILL" },
      (error, stdout, stderr) => {
        const code: unknown = error?.code;
        if (typeof code === "string") reject(error ?? new Error(code));
        else {
          const signal = error?.signal ?? null;
          settle({ status: signal === null ? Number(code ?? 0) : signalStatus, signal, stdout, stderr });
        }
      },
    );
    child.stdin?.on("error", () => undefined); // it may end without reading
    child.stdin?.end(input ?? "");
  });
}

/** A linker that a compiler driver can be told to use. */
export interface Linker {
  readonly name: string;
  /** The program, for links without a driver. */
  readonly path: string;
  /** What gcc and g++ are given to use it. */
  readonly gccFlags: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The linker under test: bin/ld, or the one of a sanitizer build that SPORE_LD names. */
const sporePath = resolve(root, process.env["SPORE_LD"] ?? "bin/ld");

export const spore: Linker = { name: "spore", path: sporePath, gccFlags: [`-B${dirname(sporePath)}`] };
/** Spore, searching archives by their indexes, however small they are. */
export const searchingSpore: Linker = { ...spore, name: "spore by indexes", env: { SPORE_TEST_SEARCH: "1" } };
export const bfd: Linker = { name: "GNU ld", path: "ld.bfd", gccFlags: ["-fuse-ld=bfd"] };
export const gold: Linker = { name: "gold", path: "ld.gold", gccFlags: ["-fuse-ld=gold"] };
export const lld: Linker = { name: "lld", path: "ld.lld", gccFlags: ["-fuse-ld=lld"] };
export const mold: Linker = { name: "mold", path: "mold", gccFlags: ["-fuse-ld=mold"] };

/** Whether a program is on the path. */
export function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, program)));
}

/** readelf's view of a file, and what it complains about. */
export interface Readelf {
  readonly text: string;
  /** Lines with an error or a warning; none for a well-formed file. */
  readonly complaints: readonly string[];
}

/** `readelf -aW`, or other options. */
export async function readelf(file: string, ...options: string[]): Promise<Readelf> {
  const { stdout, stderr, status } = await run("readelf", [...(options.length > 0 ? options : ["-aW"]), file]);
  const complaints = `${stdout}\n${stderr}`
    .split("\n")
    .filter((line) => /^readelf: |\b(Warning|Error):|<corrupt|<unknown/.test(line));
  if (status !== 0) complaints.push(`readelf ended with status ${status}`);
  return { text: stdout, complaints };
}

/** `objdump` with these options. */
export async function objdump(file: string, ...options: string[]): Promise<string> {
  return (await run("objdump", [...(options.length > 0 ? options : ["-dr"]), file])).stdout;
}

/** Values of a tag in the dynamic section: `NEEDED` → ["libc.so.6"]. */
export async function dynamicEntries(file: string, tag: string): Promise<string[]> {
  const { text } = await readelf(file, "-dW");
  return text.split("\n").flatMap((line) => {
    const match = /^ 0x[0-9a-f]+ \((\w+)\)\s+(.*)$/.exec(line);
    if (match === null || match[1] !== tag) return [];
    const value = match[2] ?? "";
    return [/\[(.*)\]/.exec(value)?.[1] ?? value];
  });
}

/** A row of readelf's symbol tables. */
export interface ElfSymbol {
  readonly name: string;
  readonly value: number;
  readonly size: number;
  readonly type: string;
  readonly bind: string;
  readonly visibility: string;
  /** `UND`, `ABS`, or the section's number. */
  readonly section: string;
}

/** The symbols of `.symtab` or `.dynsym`. */
export async function symbols(file: string, table: ".symtab" | ".dynsym" = ".symtab"): Promise<ElfSymbol[]> {
  const { text } = await readelf(file, "-sW");
  const found: ElfSymbol[] = [];
  let isWanted = false;
  for (const line of text.split("\n")) {
    const heading = /^Symbol table '(.*)'/.exec(line);
    if (heading !== null) isWanted = heading[1] === table;
    const fields = line.trim().split(/\s+/);
    if (!isWanted || !/^\d+:$/.test(fields[0] ?? "") || fields.length < 7) continue;
    const [, value = "", size = "", type = "", bind = "", visibility = "", section = "", name = ""] = fields;
    found.push({ name, value: Number.parseInt(value, 16), size: Number(size), type, bind, visibility, section });
  }
  return found;
}

/** Sections and segments as the `elfy` package reads them. */
export async function elfyCounts(bytes: Uint8Array): Promise<{ sections: number; segments: number }> {
  const { default: elfy } = (await import("elfy" as string)) as {
    default: { parse: (file: Buffer) => { body: { sections: unknown[]; programs: unknown[] } } };
  };
  const { body } = elfy.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  return { sections: body.sections.length, segments: body.programs.length };
}
