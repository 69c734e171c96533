/** What is particular to a processor, for the part of the link that TypeScript decides. */
export interface Target {
  /** As `-m` and error messages call it. */
  readonly name: string;
  /** e_machine. */
  readonly machine: number;
  /** Where an executable that is not position-independent begins, unless options say otherwise. */
  readonly imageBase: number;
  /** Fills gaps between functions: an instruction that traps. */
  readonly codeFiller: number;
  /** Words at the beginning of .got.plt that are the loader's. */
  readonly gotPltReserved: number;
  /** Bytes. */
  readonly pltHeaderSize: number;
  readonly pltEntrySize: number;
  readonly pltGotEntrySize: number;
}
