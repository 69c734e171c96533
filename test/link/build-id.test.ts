import { expect, test } from "vitest";

import { readelf, spore } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

const files = { "main.c": 'const char text[] = "first text"; int main(void) { return text[0] == 0; }' };

async function buildId(dir: Scratch, flag: string): Promise<string | undefined> {
  expect(await dir.linkAndRun(spore, ["main.o"], { flags: flag === "" ? [] : [`-Wl,${flag}`] })).toMatchObject({
    status: 0,
  });
  return /Build ID: (\w+)/.exec((await readelf(dir.file("a.out"), "-nW")).text)?.[1];
}

for (const [flag, length] of [
  ["--build-id", 40],
  ["--build-id=sha1", 40],
  ["--build-id=md5", 32],
  ["--build-id=sha256", 64],
] as const)
  test(`${flag} depends on every byte of the inputs, and on nothing else`, async () => {
    await using dir = await scratch(files);
    const id = await buildId(dir, flag);
    expect(id).toHaveLength(length);
    expect(await buildId(dir, flag)).toBe(id);
    const object = await dir.read("main.o");
    object[object.indexOf("first text")] ^= 1;
    await dir.write("main.o", object);
    const other = await buildId(dir, flag);
    expect(other).toHaveLength(length);
    expect(other).not.toBe(id);
  });

test("--build-id=0xHEX is taken as it is, uuid is new each time, and none leaves the note out", async () => {
  await using dir = await scratch(files);
  expect(await buildId(dir, "--build-id=0x0123456789abcdef")).toBe("0123456789abcdef");
  const uuid = await buildId(dir, "--build-id=uuid");
  expect(uuid).toHaveLength(32);
  expect(await buildId(dir, "--build-id=uuid")).not.toBe(uuid);
  expect(await buildId(dir, "--build-id=none")).toBeUndefined();
});

test("the build id is found in the running program", async () => {
  await using dir = await scratch({
    "main.c": `
      #define _GNU_SOURCE
      #include <link.h>
      #include <stdio.h>
      static int visit(struct dl_phdr_info *info, size_t size, void *data) {
        (void)size; (void)data;
        for (int i = 0; i < info->dlpi_phnum; i++) {
          if (info->dlpi_phdr[i].p_type != PT_NOTE) continue;
          const char *at = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr), *end = at + info->dlpi_phdr[i].p_memsz;
          while (at < end) {
            const ElfW(Nhdr) *note = (const void *)at;
            const unsigned char *desc = (const unsigned char *)at + sizeof *note + ((note->n_namesz + 3) & ~3u);
            if (note->n_type == NT_GNU_BUILD_ID) { for (unsigned j = 0; j < note->n_descsz; j++) printf("%02x", desc[j]); return 1; }
            at = (const char *)desc + ((note->n_descsz + 3) & ~3u);
          }
        }
        return 1;
      }
      int main(void) { dl_iterate_phdr(visit, 0); }`,
  });
  for (const flags of [["-pie"], ["-static"]])
    expect(await dir.linkAndRun(spore, ["main.o"], { flags: [...flags, "-Wl,--build-id=0xfeedbeef"] })).toMatchObject({
      stdout: "feedbeef",
    });
});
