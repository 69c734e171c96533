/** `spore tune`: measures when staging should read a file and when map it, and stores that for this machine. */
import { formatTable } from "../staging/text-table.ts";
import { calibrate } from "../staging/calibrate.ts";
import { readCalibration, writeCalibration } from "../staging/calibration.ts";
import { adaptiveThresholds, forgetCalibration, IoError } from "../staging/index.ts";
import { PROGRAM, type Terminal } from "./main.ts";

export interface TuneFlags {
  readonly folder?: string;
  readonly show?: true;
}

/** Returns the exit status. */
export function runTune({ folder, show }: TuneFlags, terminal: Terminal): number {
  try {
    const stored = readCalibration();
    if (stored.problem !== undefined)
      terminal.writeError(`${PROGRAM}: warning: "${stored.path}" is ignored: ${stored.problem}\n`);
    if (!show) {
      const path = writeCalibration(calibrate(folder === undefined ? {} : { folder }));
      terminal.writeOutput(`written: ${path}\n`);
      forgetCalibration();
    }
    terminal.writeOutput(describe());
    return 0;
  } catch (error) {
    if (!(error instanceof IoError || error instanceof RangeError)) throw error;
    terminal.writeError(`${PROGRAM}: error: ${error.message}\n`);
    return 1;
  }
}

/** The measurements that are stored, and the thresholds that hold in this environment. */
function describe(): string {
  const { measurements, thresholds } = readCalibration();
  const rows = measurements.map(({ bytes, isCold, prefetchMs, mapMs }) => [
    `${bytes / 1024} KiB`,
    isCold ? "cold" : "warm",
    prefetchMs.toFixed(3),
    mapMs.toFixed(3),
    prefetchMs < mapMs ? "read" : "map",
  ]);
  let text = "";
  if (rows.length > 0) text += `\n${formatTable([["file", "cache", "read, ms", "map, ms", "faster"], ...rows])}`;
  if (rows.length > 0 && !measurements.some(({ isCold }) => isCold))
    text += "\nFiles do not leave memory there, so nothing is known of cold ones.\n";
  const values = Object.entries(adaptiveThresholds());
  const from = (name: string): string => (Object.hasOwn(thresholds, name) ? "measured" : "not measured");
  return `${text}\n${formatTable([["threshold", "holds", ""], ...values.map(([name, value]) => [name, String(value), from(name)])])}`;
}
