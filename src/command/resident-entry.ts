/** What `spore serve` loads, by way of bin/load-command.cjs: the resident linker. */
import { addon } from "../addon/load.ts";
import { Server } from "../resident/server.ts";
import { turnOffCompilers } from "./compilers.ts";
import { serveLink } from "./resident-link.ts";
import { warmUp } from "./warm-up.ts";

/** The package's version; esbuild puts it in. */
declare const SPORE_VERSION: string;

declare const gc: () => void;

async function serve(): Promise<void> {
  const [listener, lock, path = "", idleSeconds] = process.argv.slice(3);
  addon();
  await warmUp(path, SPORE_VERSION);
  turnOffCompilers();
  gc(); // children begin with what is needed
  // Not from within libuv's poll: a child begins a new one.
  await new Promise((resolve) => setImmediate(resolve));
  const settings = {
    listener: Number(listener),
    lock: Number(lock),
    path,
    idleMs: Number(idleSeconds) * 1000,
    version: SPORE_VERSION,
  };
  await new Server(settings, (words, connection) => serveLink(words, SPORE_VERSION, connection)).run();
  process.exit(0);
}

void serve();
