/** What is particular to a processor, for the part of the link that TypeScript decides. */
export interface Target {
  /** As `-m` and error messages call it. */
  readonly name: string;
  /** e_machine. */
  readonly machine: number;
  /** Where an executable that is not position-independent begins, unless options say otherwise. */
  readonly imageBase: number;
  /** Fills gaps in code: an instruction that does nothing, as GNU ld has it, because code may run on through a gap. */
  readonly codeFiller: number;
  /** Words at the beginning of .got.plt that are the loader's. */
  readonly gotPltReserved: number;
  /** What code finds its thread-local variables by. */
  threadPointer(block: TlsBlock): number;
  readonly plt: PltSizes;
  /** Of code for which the processor checks where indirect branches go. */
  readonly checkedPlt: PltSizes;
}

/** The module's thread-local storage in the image, as TlsBlock in native/targets/target.h: of PT_TLS, the end aligned. */
export interface TlsBlock {
  readonly begin: number;
  readonly end: number;
}

/** How code of the PLT is unwound (DWARF, call frame information). */
export interface PltUnwind {
  /** Of the CIE: what follows its id. */
  readonly cie: readonly number[];
  /** DW_CFA instructions for .plt. */
  readonly plt: readonly number[];
  /** For code that leaves the stack alone: .plt.sec, .plt.got. */
  readonly jump: readonly number[];
}

/** Bytes of the code that reaches other modules, and how it is unwound. */
export interface PltSizes {
  readonly header: number;
  readonly entry: number;
  /** Of .plt.sec, whose entries are what other code calls; 0 where that is .plt. */
  readonly secondEntry: number;
  /** Of .plt.got, for symbols that have a slot in .got as well. */
  readonly gotEntry: number;
  readonly unwind: PltUnwind;
}
