/** What parsing an argument changes. */
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import type { OptionsDraft } from "./link-options.ts";
import type { UnmetOptions } from "./status.ts";

/** State of the options that hold for the inputs after them. */
export interface PositionalState {
  isWholeArchive: boolean;
  isAsNeeded: boolean;
  isStatic: boolean;
  isLazy: boolean;
  isBinary: boolean;
}

/** What a row's `set` works on. */
export interface Setting {
  readonly draft: OptionsDraft;
  /** Changed by positional options; saved and restored by --push-state and --pop-state. */
  state: PositionalState;
  readonly savedStates: PositionalState[];
  /** The --start-group that are open, as they were spelled. */
  readonly openGroups: string[];
  /** What was asked for and is not done. */
  readonly unmet: UnmetOptions;
  readonly diagnostics: Diagnostics;
  /** The option as it was spelled, for messages. */
  option: string;
}
