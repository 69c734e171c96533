/** Resident linkers for tests: each in a folder of its own, so that nobody else's is asked. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

import { root, run } from "./oracles.ts";

/** What has `spore serve`. */
export const tool = join(root, "bin/spore");

/** What `spore serve --status` says of the linker in this folder; undefined when none runs. */
export async function statusOf(folder: string): Promise<string | undefined> {
  const { status, stdout } = await run(tool, ["serve", "--status"], { env: { XDG_RUNTIME_DIR: folder } });
  return status === 0 ? stdout : undefined;
}

/** A row of that. */
export function rowOf(status: string, name: string): string {
  return new RegExp(`^${name}: (.*)$`, "m").exec(status)?.[1] ?? "";
}

/** Waits until something holds. Vitest's time limit ends it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await setTimeout(10);
}

/** A folder for linkers, and what is said to a link that is to use one. */
export class RuntimeFolder implements AsyncDisposable {
  readonly path: string;

  /** Use `runtimeFolder()`. */
  constructor(path: string) {
    this.path = path;
  }

  /** For links. */
  get env(): Readonly<Record<string, string>> {
    return { XDG_RUNTIME_DIR: this.path, SPORE_RESIDENT: "" };
  }

  status(): Promise<string | undefined> {
    return statusOf(this.path);
  }

  /** Of the linker that runs. */
  async pid(): Promise<number> {
    return Number(/process (\d+)/.exec((await this.status()) ?? "")?.[1]);
  }

  stop(): Promise<unknown> {
    return run(tool, ["serve", "--stop"], { env: this.env });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.path, { recursive: true, force: true });
  }
}

export async function runtimeFolder(): Promise<RuntimeFolder> {
  return new RuntimeFolder(await mkdtemp(join(tmpdir(), "spore-resident-")));
}

/** A linker that runs in such a folder. */
export class ResidentLinker extends RuntimeFolder {
  readonly pidOfServer: number;
  readonly ended: Promise<void>;
  /** Where it listens. */
  readonly socket: string;

  /** Use `residentLinker()`. */
  constructor(path: string, server: ChildProcess, socket: string) {
    super(path);
    this.pidOfServer = server.pid!;
    this.socket = socket;
    this.ended = new Promise((resolve) => {
      if (server.exitCode !== null || server.signalCode !== null) resolve();
      else server.on("exit", () => resolve());
    });
  }

  /** Requests that it has had before this one. */
  async requests(): Promise<number> {
    return Number.parseInt(rowOf((await this.status()) ?? "", "requests"), 10);
  }

  kill(signal: NodeJS.Signals): void {
    process.kill(this.pidOfServer, signal);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.ended;
    await rm(this.path, { recursive: true, force: true });
  }
}

/** Starts one by `spore serve`, and waits until it takes links. */
export async function residentLinker(options: readonly string[] = ["--idle=0"]): Promise<ResidentLinker> {
  const { path } = await runtimeFolder();
  const env = { ...process.env, XDG_RUNTIME_DIR: path };
  const server = spawn(tool, ["serve", ...options], { env, stdio: ["ignore", "ignore", "inherit"] });
  let status: string | undefined;
  await until(async () => {
    if (server.exitCode !== null) throw new Error(`spore serve ended with status ${server.exitCode}`);
    status = await statusOf(path);
    return status !== undefined;
  });
  return new ResidentLinker(path, server, rowOf(status!, "socket"));
}

/** For a whole run of vitest, which calls this before it, and what it returns after it. */
export async function setup(): Promise<() => Promise<void>> {
  const linker = await residentLinker();
  Object.assign(process.env, linker.env);
  return async () => {
    const requests = await linker.requests();
    process.stdout.write(`The resident linker had ${requests} requests.\n${await linker.status()}`);
    await linker[Symbol.asyncDispose]();
    // Also when it has died.
    if (!(requests > 100)) throw new Error("most links went past the resident linker");
  };
}
