/** A string table whose strings are known at once: .shstrtab. */
export class StringTable {
  readonly #offsets = new Map<string, number>();
  readonly bytes: Uint8Array;

  constructor(strings: readonly string[]) {
    const parts = [Buffer.from("\0")];
    let size = 1;
    for (const string of strings) {
      if (this.#offsets.has(string)) continue;
      const bytes = Buffer.from(`${string}\0`);
      this.#offsets.set(string, size);
      parts.push(bytes);
      size += bytes.length;
    }
    this.bytes = Buffer.concat(parts, size);
  }

  offsetOf(string: string): number {
    return this.#offsets.get(string) ?? 0;
  }
}
