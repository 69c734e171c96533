/**
 * Opens the native addon when it is first needed. Importing this file opens nothing, so that every module
 * can be imported on every platform; what a platform lacks is said when it is called.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

import type { DemangleBinding } from "./demangle-binding.ts";
import type { DigestBinding } from "./digest-binding.ts";
import type { ExitBinding } from "./exit-binding.ts";
import type { LinkBinding } from "./link-binding.ts";
import type { ResidentBinding } from "./resident-binding.ts";
import type { StagingBinding } from "./staging-binding.ts";

/** Everything that the addon exports. */
export interface Addon
  extends StagingBinding, DemangleBinding, DigestBinding, ExitBinding, LinkBinding, ResidentBinding {}

/** Why the addon cannot be used. */
export class AddonError extends Error {
  override readonly name = "AddonError";
  /** `ERR_UNSUPPORTED_PLATFORM`, `ERR_ADDON_MISSING` (not built) or `ERR_ADDON_BROKEN` (does not load). */
  readonly code: "ERR_UNSUPPORTED_PLATFORM" | "ERR_ADDON_MISSING" | "ERR_ADDON_BROKEN";

  constructor(code: AddonError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const builtFile = join("native", "build", "Release", "spore.node");

/** From here up to the package's root: `src/addon`, `dist` and `dist/staging` are at different depths. */
function findAddon(): string {
  const here = import.meta.dirname;
  for (let folder = here, depth = 0; depth < 4; folder = dirname(folder), depth++) {
    const file = join(folder, builtFile);
    if (existsSync(file)) return file;
  }
  throw new AddonError(
    "ERR_ADDON_MISSING",
    `the native addon has not been built: no "${builtFile}" above "${here}"; run "npm run build"`,
  );
}

let loaded: Addon | undefined;

/** Whether anybody has needed it. */
export function isAddonLoaded(): boolean {
  return loaded !== undefined;
}

/**
 * The addon, loaded once per environment.
 * @throws AddonError on a platform other than Linux, and when the addon is missing or does not load
 */
export function addon(): Addon {
  if (loaded) return loaded;
  if (process.platform !== "linux") {
    throw new AddonError("ERR_UNSUPPORTED_PLATFORM", `unsupported platform "${process.platform}": Spore needs Linux`);
  }
  const file = findAddon();
  const module = { exports: {} };
  try {
    process.dlopen(module, file);
  } catch (error) {
    throw new AddonError("ERR_ADDON_BROKEN", `cannot load "${file}": ${(error as Error).message}`, { cause: error });
  }
  return (loaded = module.exports as Addon);
}
