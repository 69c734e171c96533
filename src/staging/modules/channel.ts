/** Packets of values and descriptors between two processes. The transport is `native/staging/channel.cc`. */
import { deserialize, serialize } from "node:v8";

import { addon } from "../../addon/load.ts";
import { ioError, isFailure } from "../io-error.ts";

export interface ReceivedPacket<T> {
  readonly value: T;
  /** The receiver's to close. */
  readonly descriptors: Int32Array;
}

/** Who waits for a packet, and how many are woken before it for the same work: each gets a processor of its own. */
export interface Woken {
  readonly pid: number;
  readonly order: number;
}

/** How a value is written: the first byte of a packet. */
const asJson = 0;
const asClone = 1;
const none = new Int32Array(0);
const plainDepth = 4;
const plainEntries = 32;
const plainCharacters = 2048;
/** One packet is on its way in, and one out, at a time. */
let inbox: Buffer | undefined;
let outbox: Buffer | undefined;

function decode(packet: Buffer, size: number): unknown {
  if (packet[0] === asJson) return JSON.parse(packet.toString("utf8", 1, size));
  // Views of what is read may be views of the packet.
  return deserialize(Buffer.from(packet.subarray(1, size)));
}

/** Whether JSON keeps all of a value: small, plain objects of what it can say, none of them twice. */
function isPlain(value: unknown, depth: number, seen: object[] = []): boolean {
  switch (typeof value) {
    case "boolean":
      return true;
    case "string":
      return value.length <= plainCharacters;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0);
    case "object":
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth === 0 || seen.includes(value)) return false;
  seen.push(value);
  const entries: unknown[] = Array.isArray(value) ? value : Object.values(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== (Array.isArray(value) ? Array.prototype : Object.prototype)) return false;
  if (entries.length > plainEntries || Object.keys(value).length !== entries.length) return false;
  return entries.every((entry) => isPlain(entry, depth - 1, seen));
}

/** A small, plain value, as most tasks and results are, as JSON: at a tenth of the cost of a serializer. */
export function plainText(value: unknown): string | undefined {
  return isPlain(value, plainDepth) ? JSON.stringify(value) : undefined;
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
  send(value: unknown, descriptors: readonly number[] = [], woken?: Woken): void {
    const text = plainText(value);
    if (text !== undefined) {
      outbox ??= Buffer.allocUnsafeSlow(addon().maxInlineBytes);
      if (text.length < outbox.length / 3) {
        outbox[0] = asJson;
        return this.#sendBytes(outbox, 1 + outbox.write(text, 1), descriptors, woken);
      }
    }
    const bytes = serialize(value);
    const packet = Buffer.allocUnsafeSlow(1 + bytes.length);
    packet[0] = asClone;
    packet.set(bytes, 1);
    this.#sendBytes(packet, packet.length, descriptors, woken);
  }

  #sendBytes(bytes: Uint8Array, size: number, descriptors: readonly number[], woken?: Woken): void {
    const sent = descriptors.length > 0 ? Int32Array.from(descriptors) : null;
    const failure = addon().channelSend(this.descriptor, bytes, size, sent, true, woken?.pid ?? 0, woken?.order ?? 0);
    if (failure) throw ioError(failure);
  }

  /** Undefined: there is nothing, and one is not to wait. Null: there is nothing and there will be nothing. */
  receive<T>(options: { readonly wait: boolean }): ReceivedPacket<T> | null | undefined {
    inbox ??= Buffer.allocUnsafeSlow(addon().maxInlineBytes);
    const packet = addon().channelReceive(this.descriptor, options.wait, inbox);
    if (packet === null || packet === undefined) return packet;
    if (typeof packet === "number") return { value: decode(inbox, packet) as T, descriptors: none };
    if (isFailure(packet)) throw ioError(packet);
    const { bytes, descriptors } = packet;
    const value = typeof bytes === "number" ? decode(inbox, bytes) : decode(Buffer.from(bytes.buffer), bytes.length);
    return { value: value as T, descriptors };
  }

  /** Calls back on the event loop, which does not go on for that, whenever there is something to receive. */
  watch(callback: () => void): void {
    this.#watch = addon().watchReadable(this.descriptor, callback);
  }

  unwatch(): void {
    if (this.#watch !== undefined) addon().unwatch(this.#watch, this.descriptor);
    this.#watch = undefined;
  }

  /** Nothing more will be sent: the other end finds that there will be nothing any more. */
  shutDown(): void {
    addon().channelShutDown(this.descriptor);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.unwatch();
    addon().closeDescriptor(this.descriptor);
  }
}
