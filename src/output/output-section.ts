/** A section of the output: what its header says, and where its bytes come from. */
/** Input sections that are laid out one after another. */
export interface Bucket {
  /** Its row. */
  readonly id: number;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  /** Of what is merged, else 0. */
  readonly entsize: number;
  /** Index of the rule that named it, or -1. */
  readonly rule: number;
}

export interface OutputSectionInit {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  /** Bytes; a power of two. */
  readonly alignment: number;
  readonly size?: number;
  readonly entsize?: number;
  readonly link?: () => OutputSection | undefined;
  readonly info?: () => number;
  readonly contents?: () => Uint8Array;
}

export class OutputSection {
  readonly name: string;
  readonly type: number;
  flags: number;
  alignment: number;
  size: number;
  entsize: number;
  /** sh_link and sh_info, asked for once every section has its index. */
  readonly link: () => OutputSection | undefined;
  readonly info: () => number;
  /** Bytes that TypeScript makes, once addresses are known. What grows with symbols is made by kernels. */
  readonly contents: (() => Uint8Array) | undefined;
  /** What it consists of, when it comes from inputs; in order. */
  readonly buckets: Bucket[] = [];
  address = 0;
  /** In the output file. */
  offset = 0;
  /** Header index. */
  index = 0;

  constructor(init: OutputSectionInit) {
    this.name = init.name;
    this.type = init.type;
    this.flags = init.flags;
    this.alignment = init.alignment;
    this.size = init.size ?? 0;
    this.entsize = init.entsize ?? 0;
    this.link = init.link ?? (() => undefined);
    this.info = init.info ?? (() => 0);
    this.contents = init.contents;
  }

  get end(): number {
    return this.address + this.size;
  }
}
