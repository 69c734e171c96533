/** `--print-memory-usage`: how much of each memory region of a script is taken, as GNU ld prints it. */
import type { MemoryUsage } from "../output/script/memory-regions.ts";

const units = [
  { name: "GB", bytes: 2 ** 30 },
  { name: "MB", bytes: 2 ** 20 },
  { name: "KB", bytes: 2 ** 10 },
];

/** In the largest unit that it is a multiple of. */
function formatSize(size: number): string {
  const unit = units.find(({ bytes }) => size % bytes === 0);
  return unit === undefined
    ? `${String(size).padStart(11)} B`
    : `${String(size / unit.bytes).padStart(10)} ${unit.name}`;
}

export function formatMemoryUsage(regions: readonly MemoryUsage[]): string {
  const lines = regions.map(({ name, used, size }) => {
    const share = size === 0 ? "" : `    ${((used * 100) / size).toFixed(2).padStart(6)}%`;
    return `${name.padStart(16)}: ${formatSize(used)}${formatSize(size)}${share}\n`;
  });
  return `Memory region         Used Size  Region Size  %age Used\n${lines.join("")}`;
}
