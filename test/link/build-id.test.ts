import { expect, test } from "vitest";

import { SHT_NOBITS } from "../../src/elf/constants.ts";
import { Elf64_Rela } from "../../src/elf/records.ts";
import { ElfObject, type Section } from "../harness/elf-object.ts";
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

test("a byte of any section of an input is in the build id", async () => {
  await using dir = await scratch({
    "main.cc": `
      #include <cstdio>
      static long zeros[100];
      __thread long counter = 0x1234567890;
      long data = 0x1122334455667788;
      const long words[] = {1, 2, 3, 4};
      const char *const texts[] = {"of a function", "merged"};
      __attribute__((constructor)) static void begin() { zeros[0] = words[counter & 3]; }
      int main() { try { printf("%s %ld %f", texts[data & 1], zeros[0], data * 1.5); } catch (int) { return 1; } }`,
    "kinds.s": `
      .section kept, "a", @note
      .long 4, 4, 1, 0x00554e47, 0x12345678
      .section .init_array, "aw", @init_array
      .balign 8
      .quad 0x1122334455667788
      .section .rodata.cst8, "aM", @progbits, 8
      .quad 0x1122334455667788
      .section .rodata.str1.1, "aMS", @progbits, 1
      .asciz "shared text"
      .section .large, "awl", @progbits
      .quad 0x1122334455667788
      .section .unloaded, "", @progbits
      .quad 0x1122334455667788
      .section .note.GNU-stack, "", @progbits`,
  });
  const objects = ["main.o", "kinds.o"];
  await dir.compile("main.cc", ["-g", "-ffunction-sections"]);
  await dir.compile("kinds.s");
  const buildIdOf = async (): Promise<string | undefined> => {
    const { status, stderr } = await dir.link(spore, objects, { flags: ["-Wl,--build-id"], unlike: "it need not run" });
    expect(status, stderr).toBe(0);
    return /Build ID: (\w+)/.exec((await readelf(dir.file("a.out"), "-nW")).text)?.[1];
  };
  const ids = new Set([await buildIdOf()]);
  const changed: string[] = [];
  for (const name of objects) {
    const object = new ElfObject(await dir.read(name));
    const original = Buffer.from(object.bytes);
    for (const section of object.sections) {
      const at = byteOf(object, section);
      if (at === undefined) continue;
      object.bytes[at] ^= 1;
      await dir.write(name, object.bytes);
      ids.add(await buildIdOf());
      changed.push(section.name);
      expect(ids.size, section.name).toBe(1 + changed.length);
      original.copy(object.bytes);
    }
    await dir.write(name, original);
  }
  const loaded = [".text.main", ".data", ".tdata", ".rodata", ".rodata.cst8", ".rodata.str1.1", ".eh_frame", ".large"];
  const others = [
    ".gcc_except_table.main",
    ".init_array",
    "kept",
    ".comment",
    ".debug_info",
    ".debug_str",
    ".unloaded",
  ];
  expect(changed).toEqual(expect.arrayContaining([...loaded, ...others]));
});

/** Sections that say how to link, not what. */
const isOfLinker = /^(\.rela.*|\.symtab|\.(sh)?strtab|\.group|\.note\.(GNU-stack|gnu\.property)|)$/;

/** Where a byte of a section is that comes into the output as it is: its last, or of texts one in the middle. */
function byteOf(object: ElfObject, section: Section): number | undefined {
  if (section.type === SHT_NOBITS || section.size === 0 || isOfLinker.test(section.name)) return undefined;
  const relocated = object.sections.find(({ name }) => name === `.rela${section.name}`);
  const fields = Array.from({ length: (relocated?.size ?? 0) / Elf64_Rela.sizeof }, (_, row) =>
    Number(object.read(object.relocationField(relocated!, row, "r_offset"))),
  );
  const isText = /str|comment/.test(section.name);
  for (let offset = isText ? section.size >> 1 : section.size - 1; offset >= 0; offset--) {
    const isField = fields.some((begin) => offset >= begin && offset < begin + 8);
    // A text must not be cut in two, nor joined with the next.
    if (!isField && !(isText && object.bytes[section.offset + offset] <= 1)) return section.offset + offset;
  }
  return undefined;
}

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
