/** Functions of modules as workers that run once: children of the modules' fork servers. */
import type { StartedChild, StartWorkers } from "../process-handle.ts";
import { signalNumber } from "../signals.ts";
import type { ForkOrder } from "./fork-protocol.ts";
import { ForkServer, moduleUrl } from "./fork-server.ts";
import type { ForkPlan } from "./fork-server.ts";

/** A function that a module exports as a worker, run in a child of the module's fork server. */
export interface ModuleWorker {
  /** A URL, or a path: absolute, or relative to the working directory. */
  readonly module: URL | string;
  /** Which export. Default: `default`. */
  readonly export?: string;
  /** Given to the function as `context.args`: a structured clone. */
  readonly args?: unknown;
}

export function startModules(workers: readonly ModuleWorker[]): StartWorkers {
  const orders = workers.map((worker, workerIndex) => ({
    url: moduleUrl(worker.module),
    export: worker.export ?? "default",
    order: { workerIndex, args: worker.args },
  }));
  return async (set, arena, onStarted) => {
    // In the order of the workers; neighbours of one function are forked together.
    let started: readonly StartedChild[] = [];
    for (let at = 0; at < orders.length;) {
      const first = orders[at]!;
      const others = orders.slice(at).findIndex((it) => it.url !== first.url || it.export !== first.export);
      const group = orders.slice(at, others < 0 ? undefined : at + others);
      try {
        started = [...started, ...(await startGroup(group, { set, arena, workerCount: workers.length }))];
      } catch (error) {
        for (const { child } of started) child.signal(signalNumber("SIGKILL"));
        throw error;
      }
      at += group.length;
    }
    onStarted(started);
  };
}

async function startGroup(
  group: readonly { readonly url: string; readonly export: string; readonly order: ForkOrder }[],
  plan: Pick<ForkPlan, "set" | "arena" | "workerCount">,
): Promise<StartedChild[]> {
  const { url, export: name } = group[0]!;
  const server = await ForkServer.of(url);
  let running = group.length;
  try {
    const children = await server.fork({ ...plan, kind: "once", export: name, orders: group.map((it) => it.order) });
    for (const child of children) child.onGone(() => --running === 0 && server.letGo());
    return children.map((child) => ({ child, pid: child.pid }));
  } catch (error) {
    server.letGo();
    throw error;
  }
}
