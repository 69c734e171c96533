/**
 * Opens the native addon when it is first needed. Importing this file opens nothing, so that every module
 * can be imported on every platform; what a platform lacks is said when it is called.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

import { AddonError } from "./addon-error.ts";
import type { DemangleBinding } from "./demangle-binding.ts";
import type { DigestBinding } from "./digest-binding.ts";
import type { ExitBinding } from "./exit-binding.ts";
import { missingAddon, unloadedAddon, unsupportedRuntime } from "./failed-load.ts";
import type { LinkBinding } from "./link-binding.ts";
import type { ResidentBinding } from "./resident-binding.ts";
import type { StagingBinding } from "./staging-binding.ts";

export { AddonError };

/** Everything that the addon exports. */
export interface Addon
  extends StagingBinding, DemangleBinding, DigestBinding, ExitBinding, LinkBinding, ResidentBinding {}

/** Where the addon may be in the package: built here, or as it came. */
const addonFiles = [
  join("native", "build", "Release", "spore.node"),
  join("prebuilt", "linux-x64-glibc", "spore.node"),
];

/** From here up to the package's root: `src/addon`, `dist` and `dist/staging` are at different depths. */
function findAddon(): string {
  // A bundler's CommonJS has no such thing.
  const here = import.meta.dirname as string | undefined;
  for (let folder = here, depth = 0; folder !== undefined && depth < 4; folder = dirname(folder), depth++)
    for (const name of addonFiles) if (isThere(join(folder, name))) return join(folder, name);
  throw missingAddon(here);
}

/** Node's permission model makes some versions throw. */
function isThere(file: string): boolean {
  try {
    return existsSync(file);
  } catch {
    return false;
  }
}

let loaded: Addon | undefined;

/** Whether anybody has needed it. */
export function isAddonLoaded(): boolean {
  return loaded !== undefined;
}

/**
 * The addon, loaded once per environment.
 * @throws AddonError where Spore does not run, and when the addon is missing or does not load
 */
export function addon(): Addon {
  if (loaded) return loaded;
  const unsupported = unsupportedRuntime();
  if (unsupported !== undefined) throw unsupported;
  const file = findAddon();
  const module = { exports: {} };
  try {
    process.dlopen(module, file);
  } catch (error) {
    throw unloadedAddon(file, error as NodeJS.ErrnoException);
  }
  return (loaded = module.exports as Addon);
}
