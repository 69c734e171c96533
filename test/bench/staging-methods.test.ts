/** The ways that the staging bench compares do the work that they say, all of them the same. */
import { expect, test } from "vitest";

import type { Kind } from "../../bench/staging-method.ts";
import { methods } from "../../bench/staging-methods.ts";
import { sizedObject } from "../../bench/workloads/staged-files.ts";
import { scratch } from "../harness/scratch.ts";
import { symbols } from "../harness/oracles.ts";

/** The hash of Fowler, Noll and Vo (FNV-1a) of so many bits. */
function fnv1a(bytes: Uint8Array, bits: 32 | 64): bigint {
  const [basis, prime] = bits === 32 ? [0x811c9dc5n, 0x01000193n] : [0xcbf29ce484222325n, 0x100000001b3n];
  return bytes.reduce((hash, byte) => BigInt.asUintN(bits, (hash ^ BigInt(byte)) * prime), basis);
}

const files = Array.from({ length: 20 }, (_, i) => sizedObject(i, 1000 * (i + 1)));
const names = files.map((_, i) => `${i}.o`);
const lines = files.map((bytes) => bytes.filter((byte) => byte === 10).length);
const expected: Readonly<Record<Exclude<Kind, "scan">, Readonly<Record<string, readonly number[]>>>> = {
  native: { checksum: files.map((bytes) => Number(BigInt.asUintN(53, fnv1a(bytes, 64)))), "count-lines": lines },
  js: { checksum: files.map((bytes) => Number(fnv1a(bytes, 32))), "count-lines": lines },
};

test.each(methods.filter(({ kind }) => kind !== "scan").map((method) => [method.kind, method.name, method] as const))(
  "%s: %s",
  async (kind, _, method) => {
    await using dir = await scratch(Object.fromEntries(names.map((name, i) => [name, files[i]!])));
    const paths = names.map((name) => dir.file(name));
    for (const [work, results] of Object.entries(expected[kind as "native" | "js"])) {
      const started = await method.start({ paths, workers: 3, work });
      for (let run = 0; run < 2; run++) expect((await started.run())(), work).toEqual(results);
      await started.close();
    }
  },
);

test("all scans find the global symbols that readelf does", async () => {
  await using dir = await scratch(Object.fromEntries(names.map((name, i) => [name, files[i]!])));
  const paths = names.map((name) => dir.file(name));
  const globals = await Promise.all(
    paths.map(async (path) => (await symbols(path)).filter(({ bind }) => bind !== "LOCAL").length),
  );
  const found = [];
  for (const method of methods.filter(({ kind, isCompared = true }) => kind === "scan" && isCompared)) {
    const started = await method.start({ paths, workers: 3, work: "scan" });
    found.push((await started.run())());
    await started.close();
  }
  expect(found.length).toBeGreaterThan(2);
  for (const one of found) expect(one).toEqual(found[0]);
  expect(found[0]).toMatchObject({ mentions: globals.reduce((sum, count) => sum + count, 0) });
});
