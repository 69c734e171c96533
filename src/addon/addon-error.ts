/** Why the addon cannot be used. The message says what to do. */
export class AddonError extends Error {
  override readonly name = "AddonError";
  /**
   * - `ERR_UNSUPPORTED_PLATFORM`: Spore does not run on this system, processor, C library or runtime
   * - `ERR_ADDON_MISSING`: it is not where it should be: not built, not installed, or left behind by a bundler
   * - `ERR_ADDON_FORBIDDEN`: Node's permission model does not let it be loaded
   * - `ERR_ADDON_BROKEN`: it does not load, or is of another version
   */
  readonly code: "ERR_UNSUPPORTED_PLATFORM" | "ERR_ADDON_MISSING" | "ERR_ADDON_FORBIDDEN" | "ERR_ADDON_BROKEN";

  constructor(code: AddonError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
