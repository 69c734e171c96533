/** Independent readers of what was linked, and the linkers that are witnesses. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { Elf64_Sym } from "../../src/elf/records.ts";

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
          settle({
            status: signal === null ? Number(code ?? 0) : 128 + constants.signals[signal],
            signal,
            stdout,
            stderr,
          });
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

/** A section header, as `readelf -SW` prints it. */
export interface SectionRow {
  readonly name: string;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  /** Of `WAXMSIT`, in this order. */
  readonly flags: string;
}

export interface SegmentRow {
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
  /** Of `RWE`. */
  readonly flags: string;
}

/** What a reader makes of a file. Symbols are those of .dynsym and .symtab, one after the other. */
export interface ElfView {
  readonly sections: readonly SectionRow[];
  readonly segments: readonly SegmentRow[];
  readonly symbols: readonly { readonly name: string; readonly value: number; readonly size: number }[];
}

interface ElfyFile {
  readonly body: {
    readonly sections: readonly {
      readonly name: string;
      readonly addr: number;
      readonly off: number;
      readonly size: number;
      readonly link: number;
      readonly flags: Readonly<Record<string, boolean>>;
      readonly data?: Buffer;
    }[];
    readonly programs: readonly {
      readonly offset: number;
      readonly vaddr: number;
      readonly filesz: number;
      readonly memsz: number;
      readonly flags: Readonly<Record<string, boolean>>;
    }[];
  };
}

const elfyFlags = { write: "W", alloc: "A", execinstr: "X", merge: "M", strings: "S", info_link: "I", tls: "T" };

/**
 * The file as the `elfy` package reads it. It has the contents of symbol tables, not their rows; it looks for the sizes
 * of entries and alignments at other offsets than those of files with 64 bits, so these are left out.
 */
export async function viewByElfy(bytes: Uint8Array): Promise<ElfView> {
  const { default: elfy } = (await import("elfy" as string)) as { default: { parse: (file: Buffer) => ElfyFile } };
  const { body } = elfy.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  const letters = (flags: Readonly<Record<string, boolean>>, names: Readonly<Record<string, string>>): string =>
    Object.entries(names)
      .map(([name, letter]) => (flags[name] ? letter : ""))
      .join("");
  const symbolTables = [".dynsym", ".symtab"].flatMap((name) =>
    body.sections.filter((section) => section.name === name),
  );
  return {
    sections: body.sections.map(({ name, addr, off, size, flags }) => ({
      name,
      address: addr,
      offset: off,
      size,
      flags: letters(flags, elfyFlags),
    })),
    segments: body.programs.map(({ offset, vaddr, filesz, memsz, flags }) => ({
      offset,
      address: vaddr,
      fileSize: filesz,
      memorySize: memsz,
      flags: letters(flags, { r: "R", w: "W", x: "E" }),
    })),
    symbols: symbolTables.flatMap(({ data = Buffer.alloc(0), link }) => {
      const names = body.sections[link]?.data ?? Buffer.alloc(0);
      return Array.from({ length: data.length / Elf64_Sym.sizeof }, (_, row) => {
        const at = row * Elf64_Sym.sizeof;
        const name = data.readUInt32LE(at + Elf64_Sym.st_name);
        return {
          name: names.toString("latin1", name, names.indexOf(0, name)),
          value: Number(data.readBigUInt64LE(at + Elf64_Sym.st_value)),
          size: Number(data.readBigUInt64LE(at + Elf64_Sym.st_size)),
        };
      });
    }),
  };
}

/** The file as readelf prints it with `-SlsW`. */
export function viewByReadelf(text: string): ElfView {
  const hex = (digits: string | undefined): number => Number.parseInt(digits ?? "", 16);
  const sections = [
    ...text.matchAll(
      /^ +\[ *\d+\] (\S*) +[\w:<> ]+? +([0-9a-f]{16}) ([0-9a-f]+) ([0-9a-f]+) [0-9a-f]+ ([A-Za-z ]{3}) /gm,
    ),
  ];
  const segments = [
    ...text.matchAll(/^  \w+ +0x([0-9a-f]+) 0x([0-9a-f]+) 0x[0-9a-f]+ 0x([0-9a-f]+) 0x([0-9a-f]+) ([R ][W ][E ]) /gm),
  ];
  const symbolRows = [
    ...text.matchAll(/^ +\d+: ([0-9a-f]{16}) +(\d+|0x[0-9a-f]+) \w+ +\w+ +\w+ +(?:\[.*?\] +)?\w+(?: (.*))?$/gm),
  ];
  return {
    sections: sections.map(([, name, address, offset, size, flags]) => ({
      name,
      address: hex(address),
      offset: hex(offset),
      size: hex(size),
      flags: flags.replace(/[^WAXMSIT]/g, ""),
    })),
    segments: segments.map(([, offset, address, fileSize, memorySize, flags]) => ({
      offset: hex(offset),
      address: hex(address),
      fileSize: hex(fileSize),
      memorySize: hex(memorySize),
      flags: flags.replaceAll(" ", ""),
    })),
    symbols: symbolRows.map(([, value, size, name = ""]) => ({
      // Versions are readelf's addition.
      name: name.replace(/(?!^)@.*/, "").trim(),
      value: hex(value),
      size: Number(size),
    })),
  };
}
