/** How a link runs in its process, and who watches it. */
import type { Pass } from "../tables/kernels.ts";
import type { FindingReader } from "./findings.ts";
import type { TestHooks } from "./test-hooks.ts";
import type { Workers } from "./workers.ts";

/** For whoever calls `link()`. */
export interface LinkHooks {
  /** Called when a pass has ended; again for each pass of a link that is tried again. */
  readonly onPassEnded?: (pass: Pass) => void;
  /**
   * The process ends after the link: what the last try has mapped is left to its exit, and of its workers one where
   * there is much to free. That the system frees it while nobody waits saves a tenth of a large link.
   */
  readonly leavesToExit?: boolean;
}

/** For Spore's own programs, which look into the tables, and for its tests. */
export interface OwnHooks extends LinkHooks, TestHooks {
  /** With `leavesToExit`: who ends the process waits for the workers by the addon's `endProcess()`. */
  readonly waitsAtExit?: boolean;
  /** Kernels of a small link run in this process, which ends soon: their crash does not end it, but it is spoilt. */
  readonly runsHere?: boolean;
  /** Called before a linker plugin is started; what it throws ends the link. */
  readonly onPluginNeeded?: () => void;
  /** Called when a pass has ended, with the tables as it leaves them. */
  readonly onTables?: (pass: Pass, workers: Workers, findings: FindingReader) => void;
}
