/** Signal names and numbers. */
import { constants } from "node:os";

/** Made when first asked for: node:os takes a link 0.4 ms to load. */
let names: ReadonlyMap<number, NodeJS.Signals> | undefined;

function namesByNumber(): ReadonlyMap<number, NodeJS.Signals> {
  // Some have a second name (SIGIOT, SIGPOLL), which comes later.
  const all = Object.entries(constants.signals).toReversed();
  return new Map(all.map(([name, number]) => [number, name as NodeJS.Signals]));
}

/** The name of a signal's number, or null for 0. */
export function signalName(number: number): NodeJS.Signals | null {
  if (number === 0) return null;
  names ??= namesByNumber();
  return names.get(number) ?? (`SIG${number}` as NodeJS.Signals);
}

/** @throws TypeError when there is no such signal */
export function signalNumber(signal: NodeJS.Signals | number): number {
  const number = typeof signal === "number" ? signal : constants.signals[signal];
  if (!Number.isInteger(number) || number < 0 || number > 64) throw new TypeError(`unknown signal "${signal}"`);
  return number;
}
