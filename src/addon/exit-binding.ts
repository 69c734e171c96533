/** What native/addon/exit.cc exports. */
export interface ExitBinding {
  /** Ends the process now, without Node's teardown: what is still to be written is lost. */
  exitNow(status: number): never;
}
