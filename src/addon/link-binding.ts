/** What native/addon/link.cc exports. */
export interface LinkBinding {
  /** Bytes of the root block that the kernels were compiled for. */
  readonly tablesBytes: number;
  /** Whether it is the checked build. */
  readonly isChecked: boolean;
}
