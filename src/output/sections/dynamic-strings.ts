/** .dynstr, the part that TypeScript decides: names of libraries, versions and search paths. */
export class DynamicStrings {
  readonly #offsets = new Map<string, number>([["", 0]]);
  readonly #parts: Buffer[] = [Buffer.from([0])];
  #size = 1;

  /** Offset of a string, which is added when it is new. */
  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const bytes = Buffer.from(`${text}\0`);
    const offset = this.#size;
    this.#offsets.set(text, offset);
    this.#parts.push(bytes);
    this.#size += bytes.length;
    return offset;
  }

  get size(): number {
    return this.#size;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}
