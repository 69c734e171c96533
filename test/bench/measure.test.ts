/** The arithmetic of the benches: what a table says must follow from what was measured. */
import { expect, test } from "vitest";

import { budgetOf, medianTimes, parseStats, scalingOf } from "../../bench/link-stats.ts";
import { compareWithBest, interleave, median, processesOf, runCommand, seriesOf } from "../../bench/measure.ts";
import { compareOutputs } from "../../bench/outputs.ts";
import { measurePeakMemory, parseRollup } from "../../bench/peak-memory.ts";
import { formatPasses, formatStats } from "../../src/reports/stats.ts";

test("a median is the middle, or the mean of the two in the middle", () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([10, 1, 2, 3])).toBe(2.5);
  expect(median([7])).toBe(7);
  expect(median([])).toBeNaN();
});

test("commands run in turn, and the first round does not count", async () => {
  const order: string[] = [];
  const before: string[] = [];
  const times: Record<string, number[]> = { a: [100, 1, 3, 2], b: [200, 20, 10, 30] };
  const contenders = ["a", "b"].map((name) => ({
    name,
    measure: () => {
      order.push(name);
      return times[name].shift()!;
    },
  }));
  const [a, b] = await interleave(contenders, { runs: 3, before: (name) => void before.push(name) });
  expect(order.join("")).toBe("abababab");
  expect(before).toEqual(order);
  expect(a).toEqual({ name: "a", runsMs: [1, 3, 2], medianMs: 2, minMs: 1 });
  expect(b).toMatchObject({ medianMs: 20, minMs: 10 });
});

test("a ratio is against the best of the others, as medians and within rounds", () => {
  const series = [seriesOf("slow", [40, 40, 40]), seriesOf("fast", [10, 20, 30]), seriesOf("spore", [5, 10, 90])];
  expect(compareWithBest(series, "spore")).toEqual({ best: "fast", ratio: 0.5, pairedRatio: 0.5 });
  expect(compareWithBest(series, "fast")).toMatchObject({ best: "spore", ratio: 2 });
  expect(compareWithBest([series[0]], "slow")).toBeUndefined();
  expect(compareWithBest(series, "absent")).toBeUndefined();
});

test("a command that fails is no measurement", () => {
  const shell = (script: string) => ({ name: "sh", file: "/bin/sh", args: ["-c", script] });
  expect(runCommand(shell("echo out; echo err >&2"))).toMatchObject({ stdout: "out\n", stderr: "err\n" });
  expect(() => runCommand(shell("echo because >&2; exit 3"))).toThrow("sh ended with status 3: because");
  expect(() => runCommand({ name: "none", file: "/nonexistent", args: [] })).toThrow("ENOENT");
});

test("what a command leaves running is waited for", () => {
  // The background process has closed its output, as mold's does when the output is written.
  const leave = "sleep 0.2 >/dev/null 2>&1 & cut -d' ' -f6 /proc/$$/stat";
  const { ms, stdout } = runCommand({ name: "sh", file: "/bin/sh", args: ["-c", leave] });
  expect(ms).toBeLessThan(190);
  expect(processesOf(Number(stdout))).toEqual([]);
});

test("memory is summed over a command's processes", async () => {
  expect(parseRollup("Rss:  9 kB\nPss:   700 kB\nPss_Anon:  500 kB\nPss_File: 100 kB\nPss_Shmem: 100 kB\n")).toEqual({
    own: 600,
    total: 700,
  });
  const hold = "const held = Buffer.alloc(64 << 20, 1); setTimeout(() => held, 300)";
  const script = '"$0" -e "$1" & "$0" -e "$1"; wait';
  const peak = await measurePeakMemory({ name: "sh", file: "/bin/sh", args: ["-c", script, process.execPath, hold] });
  expect(peak.ownBytes).toBeGreaterThan(128 << 20);
  expect(peak.totalBytes).toBeGreaterThanOrEqual(peak.ownBytes);
  expect(peak.samples).toBeGreaterThan(3);
});

const kernels = [
  { kernel: "countMembers", rows: 10, wallMs: 8, busyMs: [4, 4], minorFaults: 1, retriedChunks: 0 },
  { kernel: "writeChunks", rows: 128, wallMs: 80, busyMs: [80], minorFaults: 1, retriedChunks: 0 },
  { kernel: "writeEhFrameHdr", rows: 1, wallMs: 5, busyMs: [5], minorFaults: 1, retriedChunks: 0 },
];

test("--stats is read as it is printed", () => {
  const times = parseStats(`a warning\n${formatStats(kernels)}`);
  expect(times).toEqual(
    kernels.map(({ kernel, rows, wallMs, busyMs }) => ({
      kernel,
      rows,
      wallMs,
      busyMs: busyMs.reduce((a, b) => a + b),
    })),
  );
  expect(() => parseStats("nothing")).toThrow("no table of kernels");
  const slower = times.map((time) => ({ ...time, wallMs: time.wallMs * 3 }));
  expect(medianTimes([times, slower])[0]).toMatchObject({ kernel: "countMembers", wallMs: 16 });
});

test("what is serial bounds the time on many cores", () => {
  const { serial, serialMs, parallelMs, boundMs } = scalingOf(200, 60, parseStats(formatStats(kernels)));
  expect(parallelMs).toBe(88);
  expect(serialMs).toBe(112);
  expect(serial.map(({ ms }) => ms)).toEqual([60, 47, 5]);
  expect(boundMs(16)).toBe(117.5);
  expect(boundMs(1)).toBe(200);
});

test("a budget's lines add up to the command", () => {
  const lines = budgetOf(200, 60, parseStats(formatStats(kernels)));
  expect(lines.reduce((sum, { actualMs }) => sum + actualMs, 0)).toBeCloseTo(200);
  expect(lines.find(({ name }) => name === "scan")?.actualMs).toBe(8);
  expect(lines.find(({ name }) => name === "write")?.actualMs).toBe(85);
});

test("outputs are compared with mold's", () => {
  const mold = { bytes: 1000, sections: ["", ".text", ".relro_padding"], symtabEntries: 100 };
  const spore = { bytes: 1010, sections: ["", ".text", ".data"], symtabEntries: 99 };
  expect(compareOutputs({ bfd: spore, mold, spore }, "spore")).toEqual({
    reference: "mold",
    sizeRatio: 1.01,
    symbolRatio: 0.99,
    missingSections: [".relro_padding"],
    addedSections: [".data"],
  });
  expect(compareOutputs({ spore }, "spore")).toBeUndefined();
  expect(compareOutputs({ mold }, "spore")).toBeUndefined();
});

test("the time of a pass goes to the first kernel of the next", () => {
  const run = (pass: string, startMs: number, wallMs: number) => ({ ...kernels[0]!, pass, startMs, wallMs });
  const runs = [run("scan", 2, 8), run("scan", 11, 4), run("resolve", 20, 5)];
  expect(formatPasses(runs, 32).split("\n")).toEqual([
    "pass     wall ms  in kernels",
    "scan       20.00       12.00",
    "resolve    12.00        5.00",
    "",
  ]);
});
