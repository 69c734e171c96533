/**
 * Pools and workers under random tasks, kills, aborts and timeouts. `npm run test:soak` takes two minutes; the
 * ordinary suite a few seconds. No task is lost: each ends as it was asked to, or as what was done to it says.
 */
import { expect, test } from "vitest";

import { run, scratch } from "./run-script.ts";

const seconds = Number(process.env["SPORE_SOAK_SECONDS"] ?? 5);
const seed = Number(process.env["SPORE_SOAK_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

const worker = `
  import { setTimeout as sleep } from "node:timers/promises";
  export default async (task, { range, files, attempt }) => {
    if (task.ms) await sleep(task.ms);
    if (task.die > attempt) process.kill(process.pid, "SIGKILL");
    if (task.hang) for (;;);
    if (task.throws) throw new Error(task.throws);
    if (task.sum) return files[0].bytes().subarray(range.begin, range.end).reduce((sum, byte) => sum + byte, 0);
    return task.value;
  };
  export const once = ({ args, files }) => { if (args.hang) for (;;); if (args.throws) throw new Error("once"); return files[0].bytes()[0] + args.add; };`;

const script = `
  const { createPool, closeIdleForkServers } = staging;
  const [, , module, file, ms, seed] = process.argv;
  let state = Number(seed) || 1;
  const random = (n) => { state ^= state << 13; state ^= state >>> 17; state ^= state << 5; return (state >>> 0) % n; };
  const counts = {};
  const count = (what) => { counts[what] = (counts[what] ?? 0) + 1; };
  const fail = (what, detail) => { throw new Error(what + ": " + JSON.stringify(detail) + ", seed " + seed); };
  const bytes = fs.readFileSync(file);
  const sumOf = (begin, end) => bytes.subarray(begin, end).reduce((sum, byte) => sum + byte, 0);
  const parentOf = (pid) => { try { return Number(/PPid:\\s+(\\d+)/.exec(fs.readFileSync("/proc/" + pid + "/status", "utf8"))[1]); } catch { return 0; } };
  const childrenOf = (parent) => fs.readdirSync("/proc").filter((pid) => /^\\d+$/.test(pid) && parentOf(pid) === parent);

  /** One thing that is asked for: resolves when it ended as it may. */
  const asks = {
    value: async (pool) => {
      const value = { n: random(1e9), text: "x".repeat(random(3000)) };
      const got = await pool.run({ value, ms: random(3) });
      if (got.n !== value.n || got.text !== value.text) fail("wrong value", got);
    },
    large: async (pool) => {
      const value = new Uint8Array(random(300_000)).fill(7);
      if ((await pool.run({ value })).length !== value.length) fail("wrong length", value.length);
    },
    dies: async (pool) => { if ((await pool.run({ value: 5, die: 1 })) !== 5) fail("dies", 5); },
    throws: async (pool) => {
      const text = "text " + random(100);
      const error = await pool.run({ throws: text }).then(() => fail("did not throw"), (thrown) => thrown);
      if (error.message !== text) fail("wrong error", error.stack);
    },
    map: async (pool) => {
      const chunkSize = 50 + random(300);
      const sums = await pool.map({ end: bytes.length, chunkSize }, { sum: true, die: random(8) === 0 ? 1 : 0 }, {});
      for (const [i, sum] of sums.entries()) if (sum !== sumOf(i * chunkSize, (i + 1) * chunkSize)) fail("wrong sum", i);
    },
    abort: async (pool) => {
      const abort = new AbortController();
      setTimeout(() => abort.abort(new Error("aborted")), random(20));
      const task = random(2) ? pool.run({ hang: true }, { signal: abort.signal }) : pool.map(20, { ms: 5 }, { signal: abort.signal });
      const error = await task.then(() => null, (thrown) => thrown);
      if (error && error.message !== "aborted") fail("wrong error", error.stack);
    },
    timeout: async (pool) => {
      const error = await pool.run({ hang: true }, { timeout: 1 + random(20) }).then(() => fail("no timeout"), (thrown) => thrown);
      if (error.code !== "ERR_TASK_TIMEOUT") fail("wrong error", error.stack);
    },
    kill: async (pool) => {
      const { pids } = pool;
      if (pids.length > 0) try { process.kill(pids[random(pids.length)], random(2) ? "SIGKILL" : "SIGTERM"); } catch {} // it has just ended
      await sleep(random(5));
    },
    server: async (pool) => {
      if (random(10) === 0 && pool.pids.length > 0) {
        const server = parentOf(pool.pids[0]);
        if (server > 1 && parentOf(server) === process.pid) process.kill(server, "SIGKILL");
      }
      await sleep(5);
    },
    once: async () => {
      const handles = await spawnWorkersWithStaging([file], StageMode.MmapShared, [
        { module, export: "once", args: { add: 1 } }, { module, export: "once", args: { hang: true } }, { module, export: "once", args: { throws: true } },
      ]);
      handles[1].kill("SIGKILL");
      const ends = await Promise.all(handles.map((handle) => handle.join().catch((error) => error)));
      if (ends.some((end) => end.code === "ERR_FORK_SERVER_DIED")) return; // what "server" did
      if (ends[0].code !== bytes[0] + 1 || ends[1].signal !== "SIGKILL" || ends[2].message !== "once") fail("once", ends);
    },
  };
  const names = Object.keys(asks);
  const weights = names.flatMap((name) => Array({ value: 8, map: 4, kill: 2 }[name] ?? 1).fill(name));

  const busy = async (until) => {
    while (Date.now() < until) {
      const pool = await createPool({ files: [file], worker: { module }, size: 1 + random(3), retries: 50 });
      const end = Math.min(until, Date.now() + 500 + random(3000));
      const lane = async () => {
        while (Date.now() < end) {
          const name = weights[random(weights.length)];
          try {
            await asks[name](pool);
          } catch (error) {
            // A server that is killed while it is asked for workers.
            if (error.code !== "ERR_FORK_SERVER_DIED" || name !== "once") throw error;
          }
          count(name);
        }
      };
      const lanes = Array.from({ length: 6 }, lane);
      await Promise.all(lanes);
      if (random(3) === 0) {
        const left = [pool.run({ hang: true }), pool.run({ value: 1 }), pool.map(5, { ms: 1 })].map((it) => it.catch((error) => error.code));
        await pool.destroy();
        for (const code of await Promise.all(left)) if (code !== "ERR_POOL_CLOSED") fail("destroyed", code);
      } else await pool.close();
      count("pool");
    }
    await closeIdleForkServers();
  };
  const measure = async () => {
    for (let i = 0; i < 20; i++) { globalThis.gc(); await sleep(5); }
    const { heapUsed, external } = process.memoryUsage();
    const anonymous = Number(/^Anonymous:\\s+(\\d+) kB/m.exec(fs.readFileSync("/proc/self/smaps_rollup", "utf8"))[1]);
    return {
      descriptors: fs.readdirSync("/proc/self/fd").length,
      children: childrenOf(process.pid).length,
      mappings: staging.memoryUse().mappings,
      mappedBytes: staging.memoryUse().mappedBytes,
      usedKiB: Math.round((heapUsed + external) / 1024),
      anonymousKiB: anonymous,
    };
  };
  await busy(Date.now() + Number(ms) / 4);
  await measure();
  const before = await measure();
  await busy(Date.now() + Number(ms) * 3 / 4);
  say({ before, after: await measure(), counts });`;

test(`${seconds} s of random tasks, kills and aborts lose no task and leak nothing`, { timeout: 600_000 }, async () => {
  using dir = scratch({ "worker.mjs": worker, file: Uint8Array.from({ length: 5000 }, (_, i) => i % 100) });
  const args = [dir.path("worker.mjs"), dir.path("file"), String(seconds * 1000), String(seed)];
  const [said] = (await run(script, args, ["--expose-gc"])) as [
    Record<"before" | "after" | "counts", Record<string, number>>,
  ];
  const { before, after, counts } = said;
  console.log(`soak, seed ${seed}:`, counts, after);
  const { usedKiB: usedBefore, anonymousKiB: anonymousBefore, ...left } = before;
  const { usedKiB: usedAfter, anonymousKiB: anonymousAfter, ...leftAfter } = after;
  expect(leftAfter).toEqual(left);
  expect(leftAfter).toMatchObject({ children: 0, mappedBytes: 0 });
  expect(usedAfter! - usedBefore!, "KiB that V8 uses").toBeLessThan(2048);
  // What the C library keeps of what was freed depends on when it was.
  expect(anonymousAfter! - anonymousBefore!, "KiB that the process has").toBeLessThan(65_536);
  expect(counts["value"]).toBeGreaterThan(0);
});
