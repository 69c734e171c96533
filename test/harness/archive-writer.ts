/** Writes archives (System V, as GNU ar) of any size: what is in them may be a hole of the file. */
import { open } from "node:fs/promises";

/** A member of an archive: its bytes or, where they do not matter and there are many, how many. */
export interface Member {
  readonly name: string;
  readonly contents: Uint8Array | number;
}

/** An archive that may have members of any size, which take no room: without an index, or with one of 64-bit offsets. */
export async function writeArchive(
  path: string,
  members: readonly Member[],
  index?: ReadonlyMap<string, string>,
): Promise<void> {
  const header = (name: string, size: number): Buffer =>
    Buffer.from(
      `${name.padEnd(16)}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"644".padEnd(8)}${String(size).padEnd(10)}\`\n`,
    );
  const symbols = [...(index ?? new Map<string, string>())];
  const names = Buffer.from(symbols.map(([symbol]) => `${symbol}\0`).join(""));
  const longNames = Buffer.from(members.map(({ name }) => `${name}/\n`).join(""));
  const all: Member[] = [{ name: "//", contents: longNames }, ...members];
  if (index !== undefined)
    all.unshift({ name: "/SYM64/", contents: new Uint8Array(8 + 8 * symbols.length + names.length) });
  await using file = await open(path, "w");
  await file.write("!<arch>\n", 0);
  let at = 8;
  const offsets = new Map<string, number>();
  let nameAt = 0;
  for (const { name, contents } of all) {
    offsets.set(name, at);
    const isListed = !name.startsWith("/");
    const size = typeof contents === "number" ? contents : contents.length;
    await file.write(header(isListed ? `/${nameAt}` : name, size), 0, 60, at);
    if (isListed) nameAt += name.length + 2;
    if (typeof contents !== "number") await file.write(contents, 0, size, at + 60);
    at += 60 + size + (size & 1);
  }
  await file.truncate(at);
  if (index === undefined) return;
  const table = Buffer.alloc(8 + 8 * symbols.length);
  table.writeBigUInt64BE(BigInt(symbols.length));
  for (const [i, [, member]] of symbols.entries()) table.writeBigUInt64BE(BigInt(offsets.get(member)!), 8 + 8 * i);
  await file.write(Buffer.concat([table, names]), 0, table.length + names.length, offsets.get("/SYM64/")! + 60);
}
