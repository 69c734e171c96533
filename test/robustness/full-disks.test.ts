/** Outputs and reports that cannot be written: one clear error, and the old output stays. */
import { readdirSync } from "node:fs";
import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";

import { type Ended, spore } from "../harness/oracles.ts";
import { processesWith } from "../harness/processes.ts";
import { lacksRoot } from "../harness/requirements.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

const MIB = 1 << 20;
/** An output of 24 MiB, with a buffer's worth of other pages. */
const files = {
  "data.s": ".globl _start, data\n.text\n_start: ret\n.data\ndata: .fill 3 << 20, 8, 0x0123456789abcdef\n",
};
const noSpace = /^spore: error: cannot write '\S+': no space left on device\n$/;

/** Runs with a file system of this size mounted on "disk", which has an old output. */
async function withDisk(size: number, use: (dir: Scratch) => Promise<void>): Promise<void> {
  await using dir = await scratch(files);
  await mkdir(dir.file("disk"));
  await dir.compile("data.s");
  await dir.mustRun("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", "disk"]);
  try {
    await dir.write("disk/out", "old");
    await use(dir);
    expect((await dir.read("disk/out")).toString()).toBe("old");
    await expect.poll(() => processesWith(dir.file("disk"))).toEqual([]);
  } finally {
    await dir.mustRun("umount", ["disk"]);
  }
}

test.skipIf(lacksRoot("to mount a small file system"))("a disk that is too small is one error", () =>
  withDisk(8 * MIB, async (dir) => {
    const { status, stderr } = await dir.linkDirectly(spore, ["data.o", "-o", dir.file("disk/out")]);
    expect(status).toBe(1);
    expect(stderr).toMatch(noSpace);
    expect(await readdir(dir.file("disk"))).toEqual(["out"]);
  }),
);

test.skipIf(lacksRoot("to mount a small file system"))("a disk that fills up during the link is one error", () =>
  withDisk(25 * MIB, async (dir) => {
    const disk = dir.file("disk");
    let ended: Ended | undefined;
    // Now and then the link is faster than who takes the room.
    for (let delays = 1; delays <= 20 && (ended === undefined || ended.status === 0); delays++) {
      await rm(join(disk, "filler"), { force: true });
      await dir.write("disk/out", "old");
      const env = { SPORE_TEST_DELAYS: String(delays) };
      const link = dir.linkDirectly(spore, ["data.o", "-o", join(disk, "out")], { env });
      // As soon as the temporary is there, somebody else takes what it would need.
      const until = Date.now() + 20_000;
      while (readdirSync(disk).length < 2 && Date.now() < until) await nextTurn();
      const filler = await open(join(disk, "filler"), "w");
      await filler.write(Buffer.alloc(4 * MIB)).catch(() => undefined);
      await filler.close();
      ended = await link;
    }
    expect(ended?.status).toBe(1);
    expect(ended?.stderr).toMatch(noSpace);
    expect((await readdir(disk)).sort()).toEqual(["filler", "out"]);
  }),
);

test("an output that is larger than files may be is one error", async () => {
  await using dir = await scratch({ ...files, out: "old" });
  await dir.compile("data.s");
  const before = await readdir(dir.path);
  for (const kib of [1, 64, 4096, 16_384]) {
    const limited = `ulimit -f ${kib}; exec "${spore.path}" data.o -o out`;
    const { status, signal, stderr } = await dir.run("bash", ["-c", limited]);
    expect({ status, signal }, `${kib} KiB: ${stderr}`).toEqual({ status: 1, signal: null });
    expect(stderr).toMatch(/^spore: error: .*file too large/);
    expect(stderr.match(/error:/g)).toHaveLength(1);
    expect(await readdir(dir.path)).toEqual(before);
    expect((await dir.read("out")).toString()).toBe("old");
  }
});

test("a report that cannot be written is an error that names it, and the old output stays", async () => {
  await using dir = await scratch({ ...files, out: "old" });
  await dir.compile("data.s");
  for (const option of ["-Map=", "--dependency-file=", "--trace="]) {
    const full = await dir.linkDirectly(spore, ["data.o", "-o", "out", `${option}/dev/full`]);
    expect(full).toMatchObject({ status: 1, stderr: expect.stringMatching(noSpace) });
    expect(full.stderr).toContain("'/dev/full'");
    const nowhere = await dir.linkDirectly(spore, ["data.o", "-o", "out", `${option}no/where`]);
    expect(nowhere).toMatchObject({
      status: 1,
      stderr: "spore: error: cannot open output file 'no/where': no such file or directory\n",
    });
    expect((await dir.read("out")).toString()).toBe("old");
  }
});

test("standard output that cannot be written to is an error", async () => {
  await using dir = await scratch(files);
  await dir.compile("data.s");
  for (const option of ["-M", "--trace", "--help"])
    expect(await dir.run("bash", ["-c", `"${spore.path}" data.o -o out ${option} > /dev/full`])).toMatchObject({
      status: 1,
      stderr: "spore: error: cannot write to standard output: no space left on device\n",
    });
  expect((await stat(dir.file("out"))).size).toBeGreaterThan(24 * MIB);
});
