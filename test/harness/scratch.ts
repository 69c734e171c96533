/**
 * A directory for one test: sources in it are compiled, archived, linked and run. It is removed at the end.
 *
 * Sources are compiled when they are first used under the name of their object: `main.o` from `main.c`.
 */
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

import { expectLinkedAlike } from "./like-bfd.ts";
import { bfd, type Ended, type Linker, run, type RunOptions, spore } from "./oracles.ts";

/** File name → contents. Names that end in .c, .cc, .s or .S can be compiled. */
export type Files = Readonly<Record<string, string | Uint8Array>>;

/** How Spore is asked to link. What it links is compared with what GNU ld makes of the same words. */
export interface Comparable {
  /** Why it is not compared. */
  readonly unlike?: string;
}

export interface LinkCommand extends RunOptions, Comparable {
  /** What is passed to the driver besides the inputs: `-static`, `-Wl,--gc-sections`. */
  readonly flags?: readonly string[];
  /** `a.out` by default. */
  readonly output?: string;
  /** `gcc`, or `g++` when an input came from C++. */
  readonly driver?: string;
}

export interface LinkAndRun extends LinkCommand {
  /** Arguments of the program. */
  readonly args?: readonly string[];
}

const compilers: Readonly<Record<string, string>> = { ".c": "gcc", ".s": "gcc", ".S": "gcc", ".cc": "g++" };

/** Makes a directory with these files. */
export async function scratch(files: Files = {}): Promise<Scratch> {
  const path = await mkdtemp(join(tmpdir(), "spore-test-"));
  const dir = new Scratch(path);
  for (const [name, contents] of Object.entries(files)) await dir.write(name, contents);
  return dir;
}

export class Scratch implements AsyncDisposable {
  /** Absolute. */
  readonly path: string;

  /** Use `scratch()`. */
  constructor(path: string) {
    this.path = path;
  }

  /** The absolute path of a file in the directory. */
  file(name: string): string {
    return join(this.path, name);
  }

  async write(name: string, contents: string | Uint8Array, mode?: number): Promise<string> {
    const path = this.file(name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, contents);
    if (mode !== undefined) await chmod(path, mode);
    return path;
  }

  async read(name: string): Promise<Buffer> {
    return readFile(this.file(name));
  }

  /** Runs a program in the directory. */
  async run(program: string, args: readonly string[] = [], options: RunOptions = {}): Promise<Ended> {
    return run(program, args, { cwd: this.path, ...options });
  }

  /** As `run`, and throws with what the program said when it fails. */
  async mustRun(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    const ended = await this.run(program, args, options);
    if (ended.status !== 0)
      throw new Error(`${program} ${args.join(" ")} ended with status ${ended.status}\n${ended.stdout}${ended.stderr}`);
    return ended;
  }

  /** Compiles one source to the object of the same name, or to `object`. Returns the object's name. */
  async compile(source: string, flags: readonly string[] = [], object?: string): Promise<string> {
    const extension = /\.\w+$/.exec(source)?.[0] ?? "";
    const compiler = compilers[extension];
    if (compiler === undefined) throw new Error(`no compiler for ${source}`);
    const output = object ?? source.replace(/\.\w+$/, ".o");
    await this.mustRun(compiler, ["-c", ...flags, source, "-o", output]);
    return output;
  }

  /** Makes an archive of objects, which are compiled when they are missing. Returns its name. */
  async archive(name: string, objects: readonly string[], flags = "rcs"): Promise<string> {
    await this.#compileMissing(objects, []);
    await this.mustRun("ar", [flags, name, ...objects]);
    return name;
  }

  /** Makes a shared object with GNU ld, the witness. Returns its name. */
  async shared(name: string, objects: readonly string[], flags: readonly string[] = []): Promise<string> {
    await this.#compileMissing(objects, ["-fPIC"]);
    await this.mustRun(this.#driver(objects), ["-shared", "-o", name, ...objects, ...flags]);
    return name;
  }

  /** Links through the compiler driver. Missing objects are compiled first. */
  async link(linker: Linker, inputs: readonly string[], command: LinkCommand = {}): Promise<Ended> {
    const { flags = [], output = "a.out", driver, env, unlike, ...options } = command;
    await this.#compileMissing(inputs, []);
    const words = [...inputs, ...flags];
    const program = driver ?? this.#driver(inputs);
    const runOptions = { ...options, env: { ...linker.env, ...env } };
    const ended = await this.run(program, [...linker.gccFlags, ...words, "-o", output], runOptions);
    if (linker.path === spore.path && ended.status === 0 && unlike === undefined)
      await expectLinkedAlike({ program, words, isDriver: true, output }, { cwd: this.path, ...runOptions });
    return ended;
  }

  /** Links without a driver, with ld's own command line. */
  async linkDirectly(
    linker: Linker,
    args: readonly string[],
    { unlike, ...options }: RunOptions & Comparable = {},
  ): Promise<Ended> {
    await this.#compileMissing(args, []);
    const runOptions = { ...options, env: { ...linker.env, ...options.env } };
    const ended = await this.run(linker.path, args, runOptions);
    if (linker.path === spore.path && ended.status === 0 && unlike === undefined) {
      const at = args.lastIndexOf("-o");
      const words = at === -1 ? args : args.toSpliced(at, 2);
      const linked = { program: bfd.path, words, isDriver: false, output: at === -1 ? "a.out" : args[at + 1] };
      if (existsSync(resolve(this.path, linked.output)))
        await expectLinkedAlike(linked, { cwd: this.path, ...runOptions });
    }
    return ended;
  }

  /** Links and runs the program. A link that fails throws with its messages. */
  async linkAndRun(linker: Linker, inputs: readonly string[], command: LinkAndRun = {}): Promise<Ended> {
    const { args = [], output = "a.out", ...link } = command;
    const linked = await this.link(linker, inputs, { ...link, output });
    if (linked.status !== 0)
      throw new Error(`${linker.name} ended with status ${linked.status}\n${linked.stdout}${linked.stderr}`);
    return this.run(this.file(output), args, { env: { LD_LIBRARY_PATH: this.path, ...link.env } });
  }

  /** Compiles the objects among these names that do not exist yet, from whichever source does. */
  async #compileMissing(names: readonly string[], flags: readonly string[]): Promise<void> {
    for (const name of names) {
      if (!name.endsWith(".o") || existsSync(this.file(name))) continue;
      const stem = name.slice(0, -2);
      const extension = Object.keys(compilers).find((known) => existsSync(this.file(stem + known)));
      if (extension !== undefined) await this.compile(stem + extension, flags);
    }
  }

  /** g++ when one of these objects came from C++. */
  #driver(objects: readonly string[]): string {
    return objects.some((name) => existsSync(this.file(name.replace(/\.o$/, ".cc")))) ? "g++" : "gcc";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
