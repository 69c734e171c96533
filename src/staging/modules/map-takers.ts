/**
 * How many workers take a map's chunks. To begin with one for each processor: more would take turns there, and each
 * must be woken, and be heard. All of the pool's as soon as those leave processors idle, as they wait for storage, say;
 * and of a map that goes on for long, as they may wait for each other without sleeping.
 */
import { addon } from "../../addon/load.ts";
import { milliseconds } from "../clock.ts";
import { readStat, statField } from "../process-stat.ts";
import { defaultWorkerCount } from "../worker-count.ts";

/** After so long they are looked at for the first time, then each time twice as late, but not longer than that. */
const firstLookMs = 4;
const longestPauseMs = 128;
/** What of the processors' time they use when they do not wait. */
const busyShare = 0.75;

let processors: number | undefined;

export class MapTakers {
  readonly #poolSize: number;
  readonly #callMore: () => void;
  /** By their places in the pool. */
  readonly #pids = new Map<number, number>();
  #limit: number;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = firstLookMs;
  /** When it was looked at, and the ms that its workers had used by then. */
  #lookedAt = 0;
  #usedMs = 0;

  /** @param callMore is called when it may have more of them */
  constructor(poolSize: number, callMore: () => void) {
    this.#poolSize = poolSize;
    this.#callMore = callMore;
    this.#limit = Math.min(poolSize, (processors ??= defaultWorkerCount()));
  }

  /** Whether it has as many as it may. */
  get isComplete(): boolean {
    return this.size >= this.#limit;
  }

  /** How many it has. */
  get size(): number {
    return this.#pids.size;
  }

  /** A worker begins; `place` is its place in the pool. */
  join(place: number, pid: number): void {
    this.#pids.set(place, pid);
    if (this.#limit >= this.#poolSize) return;
    this.#usedMs += usedBy([pid]);
    if (this.#timer) return;
    this.#lookedAt = milliseconds();
    this.#wait();
  }

  leave(place: number): void {
    const pid = this.#pids.get(place);
    this.#pids.delete(place);
    if (this.size === 0) this.#stop();
    else if (this.#timer && pid !== undefined) this.#usedMs -= usedBy([pid]);
  }

  #wait(): void {
    // The job that it is for keeps the event loop going.
    this.#timer = setTimeout(() => this.#look(), this.#pauseMs).unref();
    this.#pauseMs *= 2;
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const pids = [...this.#pids.values()];
    const now = milliseconds();
    const usedMs = usedBy(pids);
    const isBusy = usedMs - this.#usedMs >= busyShare * (now - this.#lookedAt) * Math.min(pids.length, processors!);
    this.#lookedAt = now;
    this.#usedMs = usedMs;
    // Those that are kept from a processor by somebody else do not wait for anything that others could do.
    if (this.#pauseMs <= longestPauseMs && (isBusy || pids.every(isRunnable))) return this.#wait();
    this.#stop();
    this.#limit = this.#poolSize;
    this.#callMore();
  }
}

const isRunnable = (pid: number): boolean => readStat(pid)[statField.state] === "R";
const usedBy = (pids: readonly number[]): number => addon().processorTime(Int32Array.from(pids));
