/** A string table whose strings are few and known at once: .shstrtab. */
export class StringTable {
  readonly #offsets = new Map<string, number>();
  readonly bytes: Uint8Array;

  constructor(strings: readonly string[]) {
    let text = "\0";
    for (const string of strings) {
      if (this.#offsets.has(string)) continue;
      this.#offsets.set(string, Buffer.byteLength(text));
      text += `${string}\0`;
    }
    this.bytes = Buffer.from(text);
  }

  offsetOf(string: string): number {
    return this.#offsets.get(string) ?? 0;
  }
}
