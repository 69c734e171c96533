/** What native/addon/demangle.cc exports. */
export interface DemangleBinding {
  /** The name in the source of an Itanium-mangled symbol; undefined for other names. */
  demangle(name: string): string | undefined;
}
