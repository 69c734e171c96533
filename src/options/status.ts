/** What becomes of an option: done as its help says, or not, and then why. A row of an option table has it. */
import type { Diagnostics } from "../diagnostics/diagnostics.ts";

/**
 * `refused`: an error, because the output would not be what was asked for. `warned`: a warning; the output is
 * right, but not as it was asked for. `ignored`: accepted without a word, because the output means the same.
 */
export type Status = { readonly is: "done" } | { readonly is: "refused" | "warned" | "ignored"; readonly why: string };

export const done: Status = { is: "done" };
export const refused = (why: string): Status => ({ is: "refused", why });
export const warned = (why: string): Status => ({ is: "warned", why });
export const ignored = (why: string): Status => ({ is: "ignored", why });
/** Of what asks for what is done anyway, such as an option that takes back one that is not done. */
export const isSo = ignored("it is so");

/** The part of an option's row that says what becomes of it. */
export interface Outcome {
  readonly status: Status;
  /** Arguments of which something else becomes than of others. */
  readonly statusOf: Readonly<Record<string, Status>>;
  /** The option that this one takes back, by its first name. */
  readonly ends: string | undefined;
}

/** An option that was given and is not done. */
interface Unmet {
  readonly option: string;
  readonly status: Status;
}

/** Options that were given and are not done, by first name: the last one counts, and each is reported once. */
export class UnmetOptions {
  readonly #options = new Map<string, Unmet>();

  /** An option was given. `spelling` is for messages. */
  note(name: string, spelling: string, { status, statusOf, ends }: Outcome, value: string): void {
    if (ends !== undefined) this.#options.delete(ends);
    const outcome = Object.hasOwn(statusOf, value) ? statusOf[value] : status;
    const isOneOfSeveral = Object.keys(statusOf).length > 0 && value !== "";
    if (outcome.is === "done" || outcome.is === "ignored") this.#options.delete(name);
    else this.#options.set(name, { option: isOneOfSeveral ? `${spelling}=${value}` : spelling, status: outcome });
  }

  report(diagnostics: Diagnostics): void {
    for (const { option, status } of this.#options.values()) {
      if (status.is === "refused") diagnostics.add("unsupportedOption", { option, why: status.why });
      else if (status.is === "warned") diagnostics.add("ignoredOption", { option, why: status.why });
    }
  }
}
