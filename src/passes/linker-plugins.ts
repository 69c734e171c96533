/**
 * The linker plugins of a link, over all its attempts: what they have claimed, and what they have made of it. A plugin
 * is started when the first input is seen that may be for it, and never in a link of machine code.
 */
import { closeSync, openSync, readSync } from "node:fs";

import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import { irCompilerOf } from "../inputs/ir-compiler.ts";
import type { IrSymbol } from "../inputs/ir-object.ts";
import type { LinkOptions } from "../options/link-options.ts";
import {
  type GeneratedInputs,
  type OfferedFile,
  PluginFailed,
  PluginHost,
  type PluginSetting,
  type Resolutions,
} from "./plugin-host.ts";

/** What a file of the link is called from one attempt to the next: its path, and where a member is. */
export type FileKey = string;

export const fileKey = (path: string, member: number): FileKey => `${path}\0${member}`;

/** What is known once names are resolved. */
export interface ToldResolutions {
  /** Of files that are in the link, for each symbol as the plugin has it: LDPR_ numbers. */
  readonly resolutions: ReadonlyMap<FileKey, Uint8Array>;
  /** Members of archives that are in the link and are machine code: what refers to them may be gone afterwards. */
  readonly members: ReadonlySet<FileKey>;
  /** COMDAT groups whose first is in intermediate language. */
  readonly groups: ReadonlySet<string>;
}

export interface Claim {
  readonly symbols: readonly IrSymbol[];
  /** The number of the plugin that has claimed it. */
  readonly plugin: number;
}

export class LinkerPlugins {
  readonly #options: LinkOptions;
  readonly #diagnostics: Diagnostics;
  readonly #onNeeded: (() => void) | undefined;
  readonly #runs: PluginRun[] = [];
  readonly #declined = new Set<FileKey>();
  readonly #claims = new Map<FileKey, Claim>();
  /** Members of archives that have intermediate language and are needed by code that was made: in the link anyway. */
  readonly #wanted = new Set<FileKey>();
  #included: ReadonlySet<FileKey> = new Set();
  #heldGroups: ReadonlySet<string> = new Set();
  #includedPaths: ReadonlySet<string> | undefined;
  #kept: ReadonlySet<FileKey> = new Set();
  #generated: GeneratedInputs | undefined;
  #said: { readonly warnings: { plugin: string; text: string }[]; readonly notes: string[] } = {
    warnings: [],
    notes: [],
  };

  /** @param onNeeded called before a plugin is started */
  constructor(options: LinkOptions, diagnostics: Diagnostics, onNeeded?: () => void) {
    this.#options = options;
    this.#diagnostics = diagnostics;
    this.#onNeeded = onNeeded;
  }

  /** Whether an input of this link is intermediate language. */
  get isInUse(): boolean {
    return this.#claims.size > 0;
  }

  /** What has been made of the intermediate language; undefined before that. */
  get generated(): GeneratedInputs | undefined {
    return this.#generated;
  }

  claimOf(key: FileKey): Claim | undefined {
    return this.#claims.get(key);
  }

  /** COMDAT groups that intermediate language has and nobody else may have, whether they are in the code or not. */
  get heldGroups(): ReadonlySet<string> {
    return this.#heldGroups;
  }

  /** Whether a file is in what was generated. */
  isIncluded(key: FileKey): boolean {
    return this.#included.has(key);
  }

  /** Whether a file, or a member of it, is in what was generated. */
  hasIncluded(path: string): boolean {
    this.#includedPaths ??= new Set(Array.from(this.#included, (key) => key.slice(0, key.indexOf("\0"))));
    return this.#includedPaths.has(path);
  }

  /** Whether a member of an archive is in the link, whoever refers to it. */
  isKept(key: FileKey): boolean {
    return this.#kept.has(key) || this.#wanted.has(key);
  }

  /** Whether code that was made refers to what a file defines, where nobody can see it before. */
  isWanted(key: FileKey): boolean {
    return this.#wanted.has(key);
  }

  /** Offers files to one plugin after another, until one takes them; those that were not offered before. */
  async offer(files: ReadonlyMap<FileKey, OfferedFile>): Promise<void> {
    let rest = [...files].filter(([key]) => !this.#claims.has(key) && !this.#declined.has(key));
    if (rest.length === 0) return;
    this.#onNeeded?.();
    for (const [plugin, { path, options }] of this.#options.plugins.entries()) {
      const { output, outputKind, wrappedSymbols } = this.#options;
      let run = this.#runs.find((it) => it.setting.path === path && it.setting.options === options);
      if (run === undefined)
        this.#runs.push((run = new PluginRun({ path, options, output, outputKind, wrappedSymbols })));
      const claims = await this.#attempt(run, (it) => it.claim(rest));
      for (const [i, symbols] of claims.entries())
        if (symbols !== undefined) this.#claims.set(rest[i]![0], { symbols, plugin });
      rest = rest.filter((_, i) => claims[i] === undefined);
      if (rest.length === 0) break;
    }
    for (const [key] of rest) this.#declined.add(key);
  }

  /** Lets the plugins make code of what they have claimed. */
  async generate({ resolutions, members, groups }: ToldResolutions): Promise<void> {
    const all: GeneratedInputs[] = [];
    for (const run of this.#runs) all.push(await this.#attempt(run, (it) => it.generate(resolutions)));
    this.#included = new Set(resolutions.keys());
    this.#includedPaths = undefined;
    this.#kept = members;
    this.#heldGroups = groups;
    this.#generated = {
      objects: all.flatMap(({ objects }) => objects),
      libraries: all.flatMap(({ libraries }) => libraries),
      libraryPaths: all.flatMap(({ libraryPaths }) => libraryPaths),
    };
  }

  /** Starts over, with members that the code that was made turned out to need. */
  async startOver(wanted: Iterable<FileKey>): Promise<void> {
    for (const key of wanted) this.#wanted.add(key);
    for (const run of this.#runs.splice(0)) await run[Symbol.asyncDispose]();
    this.#claims.clear();
    this.#declined.clear();
    this.#generated = undefined;
    this.#included = this.#kept = this.#heldGroups = new Set();
    this.#includedPaths = undefined;
    this.#said = { warnings: [], notes: [] };
  }

  /** Adds what plugins have said in an earlier attempt. */
  repeatMessages(): void {
    for (const warning of this.#said.warnings) this.#diagnostics.add("pluginWarning", warning);
    this.#diagnostics.notes.push(...this.#said.notes);
  }

  /** Ends the plugins, after they have cleaned up. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const run of this.#runs.splice(0)) await run[Symbol.asyncDispose]();
  }

  async #attempt<T>(run: PluginRun, action: (run: PluginRun) => Promise<T>): Promise<T> {
    const plugin = run.setting.path;
    let result: T | undefined;
    let failure: PluginFailed | undefined;
    try {
      result = await action(run);
    } catch (error) {
      if (!(error instanceof PluginFailed)) throw error;
      failure = error;
    }
    let hasFailed = false;
    const messages = run.takeMessages();
    // A plugin is of one version of its compiler, and says little of what it makes of another one's files.
    const isBad = failure !== undefined || messages.some(({ severity }) => severity === "error");
    const inputs = isBad ? { inputs: run.describeInputs() } : {};
    for (const { severity, text } of messages) {
      if (severity === "note") this.#said.notes.push(text);
      else if (severity === "warning") this.#said.warnings.push({ plugin, text });
      else {
        this.#diagnostics.add("pluginError", { plugin, text, ...inputs });
        hasFailed = true;
      }
    }
    this.#diagnostics.transcript.push(run.takeOutput());
    // What it has said itself is the reason.
    if (failure !== undefined && !hasFailed)
      this.#diagnostics.add("pluginFailed", { plugin, reason: failure.reason, ...inputs });
    if (failure !== undefined || hasFailed) this.repeatMessages();
    this.#diagnostics.stopIfFailed();
    return result as T;
  }
}

/** The files that are looked at for a message. */
const MAX_DESCRIBED = 1000;

function compilerOf({ path, offset, size }: OfferedFile): string | undefined {
  try {
    const descriptor = openSync(path, "r");
    try {
      const bytes = new Uint8Array(size);
      readSync(descriptor, bytes, 0, size, offset);
      return irCompilerOf(bytes);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined; // it is gone meanwhile
  }
}

/** One plugin, from its first file on. */
class PluginRun {
  readonly setting: PluginSetting;
  #host: PluginHost | undefined;
  /** In the order in which they were offered. */
  readonly #offered: (readonly [FileKey, OfferedFile])[] = [];

  constructor(setting: PluginSetting) {
    this.setting = setting;
  }

  async claim(
    files: readonly (readonly [FileKey, OfferedFile])[],
  ): Promise<readonly (readonly IrSymbol[] | undefined)[]> {
    const host = await this.#started();
    for (const file of files) this.#offered.push(file);
    return host.claim(files.map(([, file]) => file));
  }

  async generate(resolutions: ReadonlyMap<FileKey, Uint8Array>): Promise<GeneratedInputs> {
    const host = await this.#started();
    return host.generate(this.#offered.map(([key]): Resolutions => resolutions.get(key)));
  }

  /** Which compilers have made what it was offered, with a file of each. */
  describeInputs(): string | undefined {
    const files = new Map<string, string>();
    for (const [, file] of this.#offered.slice(0, MAX_DESCRIBED)) {
      const compiler = compilerOf(file);
      if (compiler !== undefined && !files.has(compiler)) files.set(compiler, file.path);
    }
    if (files.size === 0) return undefined;
    return `its inputs were made by ${Array.from(files, ([compiler, path]) => `${compiler}: '${path}'`).join(", ")}`;
  }

  takeMessages(): PluginHost["messages"] {
    return this.#host?.messages.splice(0) ?? [];
  }

  takeOutput(): string {
    return this.#host?.takeOutput() ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const host = this.#host;
    this.#host = undefined;
    if (host === undefined) return;
    try {
      await host.cleanUp();
    } catch (error) {
      // The output is written; what a plugin leaves undone, its process does.
      if (!(error instanceof PluginFailed)) throw error;
    } finally {
      await host[Symbol.asyncDispose]();
    }
  }

  async #started(): Promise<PluginHost> {
    if (this.#host === undefined) {
      this.#host = PluginHost.create();
      await this.#host.load(this.setting);
    }
    return this.#host;
  }
}
