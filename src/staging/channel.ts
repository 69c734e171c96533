/** Packets of values and descriptors between two processes. The transport is `native/staging/channel.cc`. */
import { deserialize, serialize } from "node:v8";

import { addon } from "../addon/load.ts";
import { ioError, isFailure } from "./io-error.ts";

export interface ReceivedPacket<T> {
  readonly value: T;
  /** The receiver's to close. */
  readonly descriptors: Int32Array;
}

/** One end. What is sent is what the structured clone algorithm, as `node:v8` has it, can copy. */
export class Channel {
  readonly descriptor: number;
  #watch: number | undefined;
  #isClosed = false;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /** Two ends, one of which is for another process. */
  static pair(): [Channel, Channel] {
    const ends = addon().channelOpen();
    if (isFailure(ends)) throw ioError(ends);
    return [new Channel(ends[0]!), new Channel(ends[1]!)];
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Sends a value, and copies of descriptors. Blocks while the other end has too much to read.
   * @throws IoError `EPIPE` when there is no other end
   * @throws DataCloneError when the value cannot be copied
   */
  send(value: unknown, descriptors: readonly number[] = []): void {
    this.sendSerialized(serialize(value), descriptors);
  }

  sendSerialized(bytes: Uint8Array, descriptors: readonly number[] = []): void {
    const failure = addon().channelSend(
      this.descriptor,
      bytes,
      descriptors.length > 0 ? Int32Array.from(descriptors) : null,
      true,
    );
    if (failure) throw ioError(failure);
  }

  /** Undefined: there is nothing, and one is not to wait. Null: there is nothing and there will be nothing. */
  receive<T>(options: { readonly wait: boolean }): ReceivedPacket<T> | null | undefined {
    const packet = addon().channelReceive(this.descriptor, options.wait);
    if (packet === null || packet === undefined) return packet;
    if (isFailure(packet)) throw ioError(packet);
    return { value: deserialize(packet.bytes) as T, descriptors: packet.descriptors };
  }

  /** Calls back on the event loop, which does not go on for that, whenever there is something to receive. */
  watch(callback: () => void): void {
    this.#watch = addon().watchReadable(this.descriptor, callback);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#watch !== undefined) addon().unwatch(this.#watch, this.descriptor);
    addon().closeDescriptor(this.descriptor);
  }
}
