/** Why the addon does not load, and what to do: in words, for each circumstance that people meet. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { AddonError } from "./addon-error.ts";

/** Where Spore does not run, whatever is installed; undefined where it does. */
export function unsupportedRuntime(): AddonError | undefined {
  const unsupported = (message: string): AddonError => new AddonError("ERR_UNSUPPORTED_PLATFORM", message);
  const { platform, arch, versions } = process;
  if (platform !== "linux") return unsupported(`unsupported platform "${platform}": Spore needs Linux`);
  if (arch !== "x64") return unsupported(`unsupported processor "${arch}": Spore needs x64`);
  for (const [runtime, name] of otherRuntimes)
    if (versions[runtime] !== undefined)
      return unsupported(
        `unsupported runtime "${name}": Spore forks workers and maps files by way of Node's own addons; ` +
          'run it by Node, as a program of its own: execFile("node", […])',
      );
  return undefined;
}

/** Keys of process.versions. */
const otherRuntimes = [
  ["electron", "Electron"],
  ["bun", "Bun"],
  ["deno", "Deno"],
] as const;

/** No addon was found above `here`, the folder of the running code; a bundle may not know it. */
export function missingAddon(here: string | undefined): AddonError {
  const root = packageAbove(here);
  if (isHidden(root ?? here))
    return new AddonError(
      "ERR_ADDON_FORBIDDEN",
      `Node's permission model hides the package that "${here}" is in: start Node with --allow-fs-read for all of it, and with --allow-addons`,
    );
  if (root === undefined)
    return new AddonError(
      "ERR_ADDON_MISSING",
      `the native addon is not beside this code${here === undefined ? "" : `, in "${here}"`}: a bundler has taken Spore out of ` +
        'its package; keep it there: mark "spore-ld" as external',
    );
  if (existsSync(join(root, "build.mjs")))
    return new AddonError("ERR_ADDON_MISSING", `the native addon has not been built: run "npm run build" in "${root}"`);
  return new AddonError(
    "ERR_ADDON_MISSING",
    `the native addon is missing from "${root}": the package is not complete; install spore-ld again`,
  );
}

/** dlopen has failed. `mappings` are the process's, as in proc(5). */
export function unloadedAddon(file: string, error: NodeJS.ErrnoException, mappings = ownMappings()): AddonError {
  const { message, code } = error;
  const options = { cause: error };
  if (code === "ERR_DLOPEN_DISABLED" || code === "ERR_ACCESS_DENIED")
    return new AddonError(
      "ERR_ADDON_FORBIDDEN",
      `this Node may not load native addons: start it with --allow-addons, and without --no-addons`,
      options,
    );
  if (/\/ld-musl-/.test(mappings))
    // musl's loader
    return new AddonError(
      "ERR_UNSUPPORTED_PLATFORM",
      "unsupported C library: this Node runs with musl, and Spore needs glibc; use an image of Debian, Ubuntu or Fedora, not of Alpine",
      options,
    );
  const [, needed] = /version `GLIBC_([\d.]+)' not found/.exec(message) ?? [];
  if (needed !== undefined)
    return new AddonError(
      "ERR_UNSUPPORTED_PLATFORM",
      `unsupported C library: glibc ${needed} or later is needed, as in Debian 11, Ubuntu 20.04 and RHEL 9; the system's is older`,
      options,
    );
  return new AddonError("ERR_ADDON_BROKEN", `cannot load "${file}": ${message}`, options);
}

function ownMappings(): string {
  try {
    return readFileSync("/proc/self/maps", "latin1");
  } catch {
    return ""; // not mounted, or forbidden
  }
}

/** Whether Node runs with --permission, and without leave to read all that is around this folder, as the addon is. */
function isHidden(folder: string | undefined): boolean {
  const { permission } = process as { permission?: { has(scope: string, reference: string): boolean } };
  if (permission === undefined || folder === undefined) return false;
  const around = [join(folder, "prebuilt"), dirname(folder), dirname(dirname(folder))];
  return around.some((path) => !permission.has("fs.read", path));
}

/** The folder of the package that `here` is in, if it is Spore's. */
function packageAbove(here: string | undefined): string | undefined {
  for (let folder = here; folder !== undefined && folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, "package.json");
    try {
      const { name } = JSON.parse(readFileSync(file, "utf8")) as { name?: unknown };
      if (name !== undefined) return name === "spore-ld" ? folder : undefined;
    } catch {
      // There is none, it is none, or it may not be read.
    }
  }
  return undefined;
}
