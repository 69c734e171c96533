/** What StageMode.Adaptive chooses, and what it goes by: options, environment, calibration, defaults. */
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { addon } from "../../src/addon/load.ts";
import { thresholdsOf } from "../../src/staging/calibrate.ts";
import { calibrationPath, readCalibration, writeCalibration } from "../../src/staging/calibration.ts";
import { StageMode, adaptiveThresholds, forgetCalibration, setAdaptiveThresholds, stageFiles } from "../../src/staging/index.ts"; // prettier-ignore
import { root, run as runProgram } from "../harness/oracles.ts";
import { run, scratch } from "./run-script.ts";

const { Prefetch, Mmap, MmapShared, Adaptive } = StageMode;
let cache: ReturnType<typeof scratch>;
const before = { ...process.env };

beforeEach(() => {
  cache = scratch();
  process.env["XDG_CACHE_HOME"] = cache.path(".");
  delete process.env["SPORE_ADAPTIVE"];
  forgetCalibration();
});
afterEach(() => {
  process.env = { ...before };
  forgetCalibration();
  cache[Symbol.dispose]();
});

const modeOf = (path: string, thresholds = {}): StageMode => {
  using set = stageFiles(Adaptive, [path], { thresholds });
  return set.states[0]!.mode;
};

/** Writes what `spore tune` would have. */
function store(text: string): void {
  mkdirSync(dirname(calibrationPath()), { recursive: true });
  writeFileSync(calibrationPath(), text);
  forgetCalibration();
}

test("a stored calibration decides, the environment goes before it, options before both", () => {
  using dir = scratch({ file: "x".repeat(5000) });
  const file = dir.path("file");
  expect(modeOf(file)).toBe(Prefetch); // the default
  expect(writeCalibration({ thresholds: { prefetchBelow: 4096 }, measurements: [] })).toBe(calibrationPath());
  expect(modeOf(file)).toBe(Prefetch); // it was read before
  forgetCalibration();
  expect(modeOf(file)).toBe(Mmap);
  process.env["SPORE_ADAPTIVE"] = "sharedFrom=4999";
  forgetCalibration();
  expect(modeOf(file)).toBe(MmapShared);
  expect(adaptiveThresholds()).toMatchObject({ prefetchBelow: 4096, sharedFrom: 4999 });
  process.env["SPORE_ADAPTIVE"] = "prefetchBelow=5001,sharedFrom=6000";
  forgetCalibration();
  expect(modeOf(file)).toBe(Prefetch);
  expect(modeOf(file, { prefetchBelow: 5000 })).toBe(Mmap);
  expect(() => modeOf(file, { prefetchBelow: 6001 })).toThrow(RangeError);
  expect(readdirSync(dirname(calibrationPath()))).toEqual([`calibration-${hostname()}.json`]);
});

test("a calibration that cannot be read is as none, and says why when asked", () => {
  const usual = adaptiveThresholds();
  const damaged: [string, RegExp][] = [
    ["{", /not JSON/],
    ["null", /version/],
    ['{"version": 99, "thresholds": {"prefetchBelow": 1}}', /version/],
    ['{"version": 1}', /thresholds/],
    ['{"version": 1, "thresholds": {"prefetchBelow": "1"}}', /thresholds/],
    ['{"version": 1, "thresholds": {"prefetchBelow": -1}}', /thresholds/],
    ['{"version": 1, "thresholds": {"prefetchBelow": 2e9}}', /thresholds/], // above sharedFrom
    ['{"version": 1, "thresholds": {"other": 1}}', /thresholds/],
  ];
  for (const [text, problem] of damaged) {
    store(text);
    expect(adaptiveThresholds(), text).toEqual(usual);
    expect(readCalibration().problem, text).toMatch(problem);
  }
  store('{"version": 1, "thresholds": {"prefetchBelow": 1}}');
  expect(adaptiveThresholds()).toEqual({ ...usual, prefetchBelow: 1 });
  // A folder in its place.
  process.env["XDG_CACHE_HOME"] = cache.path("other");
  mkdirSync(calibrationPath(), { recursive: true });
  forgetCalibration();
  expect(adaptiveThresholds()).toEqual(usual);
  expect(readCalibration().problem).toMatch(/illegal operation on a directory/);
});

test("the environment is read once, and a word in it that means nothing is an error", () => {
  for (const text of ["prefetchBelow", "below=3", "prefetchBelow=-1", "prefetchBelow=1e3", "prefetchBelow=9999999"]) {
    process.env["SPORE_ADAPTIVE"] = text;
    forgetCalibration();
    expect(() => adaptiveThresholds(), text).toThrow(RangeError);
  }
});

test("a file that is not in memory is read up to a larger size than one that is", (context) => {
  // Not where temporary files are: that may be in memory.
  const folder = join(root, "build", "adaptive-test");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "file");
  writeFileSync(file, new Uint8Array(256 * 1024).fill(1));
  const thresholds = { prefetchBelow: 4096, coldPrefetchBelow: 512 * 1024, sharedFrom: 1 << 20 };
  expect(modeOf(file, thresholds)).toBe(Mmap);
  const descriptor = openSync(file, "r");
  try {
    expect(addon().residentShare(descriptor, 256 * 1024)).toBe(1);
    expect(addon().evictFile(descriptor)).toBeNull();
    if (addon().residentShare(descriptor, 256 * 1024) > 0) context.skip("files do not leave memory here");
    expect(modeOf(file, { ...thresholds, coldPrefetchBelow: 256 * 1024 })).toBe(Mmap); // reads its head
    addon().evictFile(descriptor);
    expect(modeOf(file, { ...thresholds, residentShare: 0 })).toBe(Mmap);
    addon().evictFile(descriptor);
    expect(modeOf(file, thresholds)).toBe(Prefetch);
    expect(addon().residentShare(descriptor, 256 * 1024)).toBe(1);
    expect(modeOf(file, thresholds)).toBe(Mmap);
  } finally {
    closeSync(descriptor);
  }
});

test("thresholds are where the least time is lost", () => {
  const row = (bytes: number, isCold: boolean, prefetchMs: number, mapMs: number) => ({ bytes, isCold, prefetchMs, mapMs }); // prettier-ignore
  expect(thresholdsOf([])).toEqual({});
  const warm = [row(1, false, 1, 2), row(2, false, 1.1, 1), row(4, false, 1, 2), row(8, false, 3, 1)];
  expect(thresholdsOf(warm)).toEqual({ prefetchBelow: 8 }); // in spite of the second
  expect(thresholdsOf([row(1, false, 2, 1), row(2, false, 2, 1)])).toEqual({ prefetchBelow: 0 });
  expect(thresholdsOf([row(1, true, 1, 2), row(2, true, 1, 2)])).toEqual({ coldPrefetchBelow: 3 });
});

test("other modes read no calibration", async () => {
  process.env["SPORE_ADAPTIVE"] = "nonsense";
  using dir = scratch({ file: "x" });
  const script = `
    stageFiles(StageMode.MmapShared, [process.argv[2]]).close();
    await stage(StageMode.Prefetch, process.argv[2]);
    try { stageFiles(StageMode.Adaptive, [process.argv[2]]); } catch (error) { say(error.message); }`;
  expect(await run(script, [dir.path("file")])).toEqual(['SPORE_ADAPTIVE: no threshold is set by "nonsense"']);
});

test("spore tune measures, stores, and warns of what it could not read", async () => {
  const tune = (...args: string[]) =>
    runProgram(join(root, "bin/spore"), ["tune", ...args], { env: { XDG_CACHE_HOME: cache.path(".") } });
  expect(await tune("--show")).toMatchObject({ status: 0, stderr: "", stdout: expect.stringMatching(/prefetchBelow +16384 +not measured/) }); // prettier-ignore
  store("damaged");
  const warning = `spore: warning: "${calibrationPath()}" is ignored: it is not JSON\n`;
  expect(await tune("--show")).toMatchObject({ status: 0, stderr: warning });
  const tuned = await tune("--folder", cache.path("."));
  expect(tuned).toMatchObject({ status: 0, stderr: warning, stdout: expect.stringContaining(calibrationPath()) });
  const stored = JSON.parse(readFileSync(calibrationPath(), "utf8"));
  expect(stored).toMatchObject({ version: 1, thresholds: thresholdsOf(stored.measurements) });
  expect(stored.measurements.length).toBeGreaterThanOrEqual(8);
  forgetCalibration();
  expect(adaptiveThresholds()).toMatchObject(stored.thresholds);
  expect(await tune("--show")).toMatchObject({ status: 0, stderr: "", stdout: expect.stringMatching(/prefetchBelow +\d+ +measured/) }); // prettier-ignore
  expect(readdirSync(cache.path("."))).toEqual(["spore"]); // what was measured is gone
  const failed = await tune("--folder", cache.path("missing"));
  expect(failed).toMatchObject({ status: 1, stdout: "", stderr: expect.stringMatching(/^spore: error: ENOENT.*missing/) }); // prettier-ignore
});

// The last: what a thread has set stays.
test("setAdaptiveThresholds() goes before the environment", () => {
  process.env["SPORE_ADAPTIVE"] = "prefetchBelow=1";
  forgetCalibration();
  setAdaptiveThresholds({ prefetchBelow: 2 });
  expect(adaptiveThresholds().prefetchBelow).toBe(2);
});
