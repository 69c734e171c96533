/** The processes of bench/staging.ts: each way of working runs in one of its own, which does what it is told. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { performance } from "node:perf_hooks";

import { methods } from "./staging-methods.ts";
import type { Kind, Method, Setup, Started } from "./staging-method.ts";

/** What the process of a method is told. */
type Request =
  /** To start, which is timed. */
  | { readonly do: "start"; readonly setup: Setup }
  | { readonly do: "run" | "check" | "stop" | "end" }
  /** To start, run and stop. */
  | { readonly do: "all"; readonly setup: Setup };

/** And what it answers. */
interface Answer {
  readonly startMs?: number;
  readonly ms?: number;
  readonly found?: unknown;
  readonly error?: string;
}

/** Does what it is told until it is told to end, or nobody is left to tell it. */
export function serve(kind: string, name: string): void {
  const method = methods.find((it) => it.kind === kind && it.name === name)!;
  let started: Started | undefined;
  const answer = async (request: Request): Promise<Answer> => {
    (globalThis.gc as () => void)();
    const began = performance.now();
    const passed = (): number => performance.now() - began;
    switch (request.do) {
      case "start":
        started = await method.start(request.setup);
        return { startMs: passed() };
      case "run":
        await started!.run();
        return { ms: passed() };
      case "all": {
        const fresh = await method.start(request.setup);
        const startMs = passed();
        await fresh.run();
        await fresh.close();
        return { startMs, ms: passed() };
      }
      case "check":
        return { found: (await started!.run())() };
      case "stop":
      case "end":
        await started?.close();
        started = undefined;
        return {};
    }
  };
  const respond = async (request: Request): Promise<void> => {
    try {
      process.send!(await answer(request));
    } catch (error) {
      process.send!({ error: (error as Error).message });
    }
    if (request.do === "end") process.disconnect();
  };
  let isEnding = false;
  process.on("message", (request: Request) => {
    isEnding ||= request.do === "end";
    void respond(request);
  });
  process.on("disconnect", () => isEnding || process.exit(1));
}

/** The process of one method, and all that it starts, in a session of their own. */
export class Server implements AsyncDisposable {
  readonly #child: ChildProcess;

  constructor({ kind, name }: Method) {
    const [, script] = process.argv;
    this.#child = fork(script, ["--serve", kind satisfies Kind, "--serve", name], {
      execArgv: ["--expose-gc", "--enable-source-maps"],
      detached: true,
    });
  }

  /** Its session's number. */
  get pid(): number {
    return this.#child.pid!;
  }

  /** @throws Error with what went wrong there */
  async ask(request: Request): Promise<Answer> {
    if (!this.#child.connected) throw new Error("its process has ended");
    this.#child.send(request);
    const over = new AbortController();
    const { signal } = over;
    const gone = once(this.#child, "exit", { signal }).then(([code, how]: unknown[]): [Answer] => [
      { error: `its process ended with ${String(how ?? code)}` },
    ]);
    gone.catch(() => {}); // aborted
    try {
      const [answer] = (await Promise.race([once(this.#child, "message", { signal }), gone])) as [Answer];
      if (answer.error !== undefined) throw new Error(answer.error);
      return answer;
    } finally {
      over.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#child.connected) return;
    await this.ask({ do: "end" }).catch(() => this.#child.kill());
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "exit");
  }
}

/** Processes that end together. */
export class Servers implements AsyncDisposable {
  readonly #servers: Server[] = [];

  start(method: Method): Server {
    const server = new Server(method);
    this.#servers.push(server);
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((server) => server[Symbol.asyncDispose]()));
  }
}
