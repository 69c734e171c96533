/** Signal names and numbers. */
import { constants } from "node:os";

/** Some have a second name (SIGIOT, SIGPOLL), which comes later. */
const names = new Map(
  Object.entries(constants.signals)
    .toReversed()
    .map(([name, number]) => [number, name as NodeJS.Signals]),
);

/** The name of a signal's number, or null for 0. */
export function signalName(number: number): NodeJS.Signals | null {
  return number === 0 ? null : (names.get(number) ?? (`SIG${number}` as NodeJS.Signals));
}

/** @throws TypeError when there is no such signal */
export function signalNumber(signal: NodeJS.Signals | number): number {
  const number = typeof signal === "number" ? signal : constants.signals[signal];
  if (!Number.isInteger(number) || number < 0 || number > 64) throw new TypeError(`unknown signal "${signal}"`);
  return number;
}
