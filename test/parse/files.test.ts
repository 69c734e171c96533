import { expect, test } from "vitest";

import { ByteReader, FormatError } from "../../src/elf/byte-reader.ts";
import { MemberNames, readThinArchive } from "../../src/inputs/archive.ts";
import { fileTypeOf } from "../../src/inputs/file-type.ts";
import { scratch } from "../harness/scratch.ts";

const head = (text: string): Uint8Array => Buffer.from(text, "latin1");
const typeOf = (bytes: Uint8Array): unknown => fileTypeOf(bytes.subarray(0, 64), bytes.length);

test("what a file is, is told from its first bytes", async () => {
  await using dir = await scratch({ "a.c": "int a;" });
  await dir.compile("a.c");
  const object = await dir.read("a.o");
  expect(typeOf(object)).toEqual({ kind: "object" });
  expect(typeOf(await dir.read(await dir.shared("liba.so", ["a.o"])))).toEqual({ kind: "shared" });
  expect(typeOf(await dir.read(await dir.archive("a.a", ["a.o"])))).toEqual({ kind: "archive" });
  expect(typeOf(await dir.read(await dir.archive("thin.a", ["a.o"], "rcsT")))).toEqual({ kind: "thin-archive" });
  expect(typeOf(head("BC\xc0\xde1234"))).toEqual({ kind: "bitcode" });
  expect(typeOf(head("GROUP ( a.o )"))).toEqual({ kind: "script" });
  expect(typeOf(head("\x00\x01\x02"))).toEqual({ kind: "unknown" });
  expect(typeOf(head(""))).toEqual({ kind: "empty" });
  expect(typeOf(object.subarray(0, 30))).toMatchObject({ kind: "foreign" });
  const other = Uint8Array.from(object);
  other[18] = 183; // EM_AARCH64
  expect(typeOf(other)).toEqual({ kind: "foreign", what: "for AArch64" });
});

test("a thin archive names files, with short names and long ones", async () => {
  const long = "a-name-that-is-longer-than-a-header-has-room-for";
  await using dir = await scratch({ "a.c": "int a;", [`sub/${long}.c`]: "int b;" });
  await dir.compile("a.c");
  await dir.compile(`sub/${long}.c`);
  await dir.archive("thin.a", ["a.o", `sub/${long}.o`], "rcsT");
  expect(readThinArchive("thin.a", await dir.read("thin.a")).map(({ name }) => name)).toEqual(["a.o", `sub/${long}.o`]);
});

test("a thin archive that is cut off has no members that are cut", async () => {
  await using dir = await scratch({ "some-long-file-name.c": "int a;" });
  await dir.compile("some-long-file-name.c");
  await dir.archive("thin.a", ["some-long-file-name.o"], "rcsT");
  const bytes = await dir.read("thin.a");
  for (let size = 9; size < bytes.length; size += 1) {
    let members: unknown[] = [];
    try {
      members = readThinArchive("thin.a", bytes.subarray(0, size));
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
    }
    expect(members, `${size} bytes`).toEqual([]);
  }
});

test("a reader never leaves its bytes", () => {
  const reader = new ByteReader("f", Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0x80, 65, 0));
  expect(reader.u16(0)).toBe(1);
  expect(reader.cString(8)).toBe("A");
  expect(() => reader.u64(0)).toThrow("f: offset 0x0: number 0x8000000000000001 is too large");
  for (const offset of [-1, 7, 11, 2 ** 53, NaN, 1.5]) expect(() => reader.u32(offset)).toThrow(FormatError);
  expect(() => reader.bytes(0, -1)).toThrow(FormatError);
  expect(() => reader.bytes(1, 2 ** 53)).toThrow(FormatError);
  expect(() => reader.cString(0, 1)).toThrow("string without an end");
});

test("members of an archive have short names and long ones, and some name where the archive is cut off", async () => {
  const long = "a-name-that-is-longer-than-a-header-has-room-for";
  await using dir = await scratch({ "a.c": "int a;", [`${long}.c`]: "int b;" });
  await dir.compile("a.c");
  await dir.compile(`${long}.c`);
  await dir.archive("lib.a", ["a.o", `${long}.o`], "rcS");
  const bytes = await dir.read("lib.a");
  const headers = [...bytes.toString("latin1").matchAll(/[^\n]{58}`\n/g)].map(({ index }) => index);
  const namesIn = (part: Buffer): string[] => {
    const names = new MemberNames("lib.a", part.length, (offset, size) => part.subarray(offset, offset + size));
    return headers.slice(1).map((header) => names.at(header));
  };
  expect(namesIn(bytes)).toEqual(["a.o", `${long}.o`]);
  for (let size = 9; size < bytes.length; size += 7) expect(namesIn(bytes.subarray(0, size))).toHaveLength(2);
});
