/** Which compiler has made a file of intermediate language, as far as the file says so in plain text. */

/** In GCC's objects the section .comment, in bitcode the module's identification. */
const marks = ["GCC: (", "clang version ", "rustc version "] as const;

/** What follows a mark: a package in parentheses, and the version. */
const versions = [/^GCC: \([^)]*\) ([\w.-]+)/, /^clang version ([\w.-]+)/, /^rustc version ([\w.-]+)/] as const;
const names = ["gcc", "clang", "rustc"] as const;

/** `gcc 12.2.0`; undefined when nothing tells. */
export function irCompilerOf(bytes: Uint8Array): string | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [i, mark] of marks.entries()) {
    const at = buffer.indexOf(mark);
    const version = at === -1 ? null : versions[i]!.exec(buffer.toString("latin1", at, at + 200));
    if (version !== null) return `${names[i]} ${version[1]}`;
  }
  return undefined;
}
