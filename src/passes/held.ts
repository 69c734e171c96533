/** What one try of a link holds: the mapped inputs, the workers and their arena. */
import type { Inputs } from "./find-inputs.ts";
import type { Workers } from "./workers.ts";

export class Held {
  #inputs: Inputs | undefined;
  #workers: Workers | undefined;

  inputs(inputs: Inputs): Inputs {
    return (this.#inputs = inputs);
  }

  workers(workers: Workers): Workers {
    return (this.#workers = workers);
  }

  /** Gives all of it back, now. Nothing is left when it resolves, no process either. */
  async free(): Promise<void> {
    const [workers, inputs] = [this.#workers, this.#inputs];
    this.#workers = this.#inputs = undefined;
    await workers?.[Symbol.asyncDispose]();
    inputs?.[Symbol.dispose]();
  }

  /** Leaves it to the end of the process: see {@link Workers.leave}. */
  async leave(): Promise<void> {
    const workers = this.#workers;
    this.#workers = this.#inputs = undefined;
    await workers?.leave();
  }
}
