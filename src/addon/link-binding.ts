/** What native/addon/link.cc exports. */
export interface LinkBinding {
  /** Bytes of the root block that the kernels were compiled for. */
  readonly tablesBytes: number;
  /** Whether it is the checked build. */
  readonly isChecked: boolean;
  /**
   * What the .dynamic of a mapped shared object says, and how many indices its versions take: DT_SONAME, DT_RUNPATH
   * (else DT_RPATH), whether it is an executable, the count, and each DT_NEEDED. Null for what is not as it usually is.
   */
  readDynamicStrings(
    address: number,
    size: number,
  ):
    | readonly [
        soname: string | undefined,
        runpath: string | undefined,
        isExecutable: boolean,
        versionCount: number,
        ...needed: string[],
      ]
    | null;
}
