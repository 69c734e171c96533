/** What native/addon/digest.cc exports. */
export interface DigestBinding {
  /** The digest of all bytes at once; null where Node has no OpenSSL. */
  digest(algorithm: "md5" | "sha1" | "sha256", bytes: Uint8Array): Uint8Array | null;
}
