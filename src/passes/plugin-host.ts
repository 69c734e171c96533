/**
 * The process of a linker plugin. The plugin is code of others, so that it is never loaded by the linker: it runs in
 * bin/plugin-host, which ends all that the plugin has started, and removes its temporary files, when this side is gone.
 */
import { existsSync, fstatSync, mkdtempSync, rmSync } from "node:fs";
import type { ChildProcess, StdioOptions } from "node:child_process";
import type { Duplex, Readable } from "node:stream";
import { constants, tmpdir } from "node:os";
import { dirname, join } from "node:path";

import type { IrSymbol } from "../inputs/ir-object.ts";
import type { OutputKind } from "../options/link-options.ts";
import { FrameKind, type FrameReader, FrameSplitter, FrameWriter } from "./plugin-frames.ts";

/** A file that a plugin is asked about: of an archive, the member. */
export interface OfferedFile {
  readonly path: string;
  readonly offset: number;
  readonly size: number;
}

/** What a plugin is to know of the link. */
export interface PluginSetting {
  readonly path: string;
  readonly options: readonly string[];
  readonly output: string;
  readonly outputKind: OutputKind;
  readonly wrappedSymbols: readonly string[];
}

/** What a plugin adds to the link, in order. */
export interface GeneratedInputs {
  readonly objects: readonly string[];
  readonly libraries: readonly string[];
  readonly libraryPaths: readonly string[];
}

/** How a file's symbols are resolved, by LDPR_ numbers; undefined for one that is not in the link. */
export type Resolutions = Uint8Array | undefined;

export interface PluginMessage {
  readonly severity: "note" | "warning" | "error";
  readonly text: string;
}

/** The plugin has failed, or is gone. `reason` completes "the linker plugin failed: it …". */
export class PluginFailed extends Error {
  override readonly name = "PluginFailed";
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}

/** LDPO_. */
const outputKinds: Readonly<Record<OutputKind, number>> = { relocatable: 0, exec: 1, shared: 2, pie: 3 };

/** The linker that plugins are to think of: GNU ld 2.40, whose interface this is. */
const GNU_LD_VERSION = 240;

/** LDPL_ numbers, from 0. */
const severities = ["note", "warning", "error", "error"] as const;

/** Of the exit status, when there was no memory. */
const OUT_OF_MEMORY = 125;

/** Those that end a link that waits for a plugin. */
const interruptions = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

interface Waiting {
  readonly kind: number;
  readonly resolve: (frame: FrameReader) => void;
  readonly reject: (error: PluginFailed) => void;
}

export class PluginHost {
  readonly messages: PluginMessage[] = [];
  readonly #folder: string;
  readonly #socket: Duplex;
  readonly #closed: Promise<void>;
  readonly #waiting: Waiting[] = [];
  #output: Buffer[] = [];
  #failure: PluginFailed | undefined;

  /** Starts the process. */
  static create(): PluginHost {
    // Not imported: links without a plugin do not pay for it. A script from V8's cache cannot import later.
    const { spawn } = process.getBuiltinModule("node:child_process");
    const folder = mkdtempSync(join(tmpdir(), "spore-plugin-"));
    const { stdio, socket } = descriptors(process.env["MAKEFLAGS"]);
    const env = { ...process.env, TMPDIR: folder };
    const child = spawn(hostProgram(), [String(socket), folder], { stdio, env });
    return new PluginHost(child, child.stdio[socket] as Duplex, folder);
  }

  private constructor(child: ChildProcess, socket: Duplex, folder: string) {
    this.#socket = socket;
    this.#folder = folder;
    const frames = new FrameSplitter();
    socket.on("data", (piece: Buffer) => {
      for (const frame of frames.add(piece)) this.#receive(frame);
    });
    socket.on("error", () => undefined); // its end is that of the process, which is seen
    (child.stdout as Readable).on("data", (piece: Buffer) => this.#output.push(piece));
    this.#closed = new Promise((resolve) => {
      child.on("error", (error: NodeJS.ErrnoException) => {
        this.#fail(`its process cannot be started: ${error.code ?? error.message}`);
        resolve();
      });
      child.on("close", () => {
        this.#fail("its process has ended");
        resolve();
      });
    });
  }

  /** Loads the plugin. */
  async load(setting: PluginSetting): Promise<void> {
    const frame = new FrameWriter()
      .text(setting.path)
      .u8(outputKinds[setting.outputKind] ?? 0)
      .text(setting.output)
      .u32(GNU_LD_VERSION);
    for (const list of [setting.wrappedSymbols, setting.options]) {
      frame.u32(list.length);
      for (const text of list) frame.text(text);
    }
    this.#send(frame.finish(FrameKind.LOAD));
    await this.#wait(FrameKind.LOADED);
  }

  /** What the plugin and the compilers that it has started have written. */
  takeOutput(): string {
    const text = Buffer.concat(this.#output).toString();
    this.#output = [];
    return text;
  }

  /** Asks the plugin whether it takes files. Resolves to the symbols of each; undefined for one that it does not take. */
  async claim(files: readonly OfferedFile[]): Promise<(readonly IrSymbol[] | undefined)[]> {
    const answers = files.map(({ path, offset, size }) => {
      this.#send(new FrameWriter().text(path).u64(offset).u64(size).finish(FrameKind.CLAIM));
      return this.#wait(FrameKind.CLAIMED);
    });
    const frames = await allOf(answers);
    return frames.map((frame) => (frame.u8() === 0 ? undefined : frame.symbols()));
  }

  /** Lets the plugin make code. `resolutions` are of all files that it was asked about, in that order. */
  async generate(resolutions: readonly Resolutions[]): Promise<GeneratedInputs> {
    const told = new FrameWriter();
    for (const list of resolutions) told.u8(list === undefined ? 0 : 1).bytes(list ?? new Uint8Array());
    this.#send(told.finish(FrameKind.RESOLUTIONS));
    this.#send(new FrameWriter().finish(FrameKind.ALL_SYMBOLS_READ));
    const frame = await this.#wait(FrameKind.ALL_READ);
    const added = Array.from({ length: frame.u32() }, () => ({ kind: frame.u8(), text: frame.text() }));
    const ofKind = (wanted: number): string[] => added.flatMap(({ kind, text }) => (kind === wanted ? [text] : []));
    return { objects: ofKind(0), libraries: ofKind(1), libraryPaths: ofKind(2) };
  }

  /** Lets the plugin clean up, and ends it. */
  async cleanUp(): Promise<void> {
    this.#send(new FrameWriter().finish(FrameKind.CLEANUP));
    await this.#wait(FrameKind.CLEANED);
  }

  /** Ends the process and all that it has started. Resolves when nothing is left of them. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.#closed;
    // Where the process could not be started, nobody else removes it.
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #send(frame: Buffer): void {
    if (this.#failure === undefined) this.#socket.write(frame);
  }

  #receive(frame: FrameReader): void {
    switch (frame.kind) {
      case FrameKind.MESSAGE:
        this.messages.push({ severity: severities[frame.u8()] ?? "error", text: frame.text().trimEnd() });
        return;
      case FrameKind.FAILED:
        this.#fail(frame.text());
        return;
      case FrameKind.ENDED:
        this.#fail(howItEnded(frame.u32(), frame.u32()));
        return;
      default: {
        const waiting = this.#waiting.shift();
        if (waiting?.kind === frame.kind) waiting.resolve(frame);
        else this.#fail(`its process answered what nobody had asked (${frame.kind})`);
      }
    }
  }

  /** The first reason counts; who waits is told when the process is gone, and its output is all here. */
  #fail(reason: string): void {
    if (this.#failure !== undefined) return;
    const failure = (this.#failure = new PluginFailed(reason));
    const waiting = this.#waiting.splice(0);
    this.#socket.destroy();
    void this.#reject(waiting, failure);
  }

  async #reject(waiting: readonly Waiting[], failure: PluginFailed): Promise<void> {
    await this.#closed;
    for (const { reject } of waiting) reject(failure);
  }

  async #wait(kind: number): Promise<FrameReader> {
    if (this.#failure !== undefined) {
      await this.#closed;
      throw this.#failure;
    }
    const interrupt = (signal: NodeJS.Signals): void => this.#fail(`it was interrupted by ${signal}`);
    for (const signal of interruptions) process.on(signal, interrupt);
    process.setMaxListeners(Math.max(process.getMaxListeners(), 1000));
    try {
      return await new Promise((resolve, reject) => this.#waiting.push({ kind, resolve, reject }));
    } finally {
      for (const signal of interruptions) process.off(signal, interrupt);
    }
  }
}

/** All results, or the first failure when all have ended: none is left that nobody waits for. */
async function allOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

function howItEnded(signal: number, status: number): string {
  if (signal === 0) return status === OUT_OF_MEMORY ? "it ran out of memory" : `it ended with exit status ${status}`;
  const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  return `it was ended by ${name ?? `signal ${signal}`}`;
}

/** bin/plugin-host, from here up to the package's root. */
function hostProgram(): string {
  const here = import.meta.dirname;
  for (let folder = here; ; folder = dirname(folder)) {
    const program = join(folder, "bin", "plugin-host");
    if (existsSync(program) || folder === dirname(folder)) return program;
  }
}

/**
 * What the process has open, and which of it is the socket. Compilers under make take jobs by descriptors that make has
 * opened and MAKEFLAGS names; Node leaves them to no child unless it is told.
 */
function descriptors(makeFlags: string | undefined): { stdio: StdioOptions; socket: number } {
  const stdio: (number | "ignore" | "pipe" | "inherit")[] = ["ignore", "pipe", "ignore"];
  const names = /--jobserver-(?:auth|fds)=(\d+),(\d+)/.exec(makeFlags ?? "");
  for (const descriptor of names === null ? [] : [Number(names[1]), Number(names[2])]) {
    if (descriptor < stdio.length || !isOpen(descriptor)) continue;
    while (stdio.length < descriptor) stdio.push("ignore");
    stdio[descriptor] = descriptor;
  }
  const socket = stdio.push("pipe") - 1;
  return { stdio, socket };
}

function isOpen(descriptor: number): boolean {
  try {
    fstatSync(descriptor);
    return true;
  } catch {
    return false;
  }
}
