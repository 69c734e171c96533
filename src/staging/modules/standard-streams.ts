/**
 * What a worker prints. Node writes to pipes in the background when they are full, and a forked child that ends
 * does not wait for that; so in a worker `process.stdout` and `process.stderr` write before they return.
 */
import { writeSync } from "node:fs";

const names = ["stdout", "stderr"] as const;
const retryMs = 1;

/** Streams that were made, which is done when one is first asked for. */
const made = new Map<1 | 2, NodeJS.WriteStream>();
let isWorker = false;

/** In a process that is going to fork, before anything is printed: notes which streams there are. */
export function noteStandardStreams(): void {
  for (const name of names) {
    const known = Object.getOwnPropertyDescriptor(process, name)!;
    Object.defineProperty(process, name, {
      configurable: true,
      enumerable: true,
      get: () => {
        const stream = known.get!.call(process) as NodeJS.WriteStream & { fd: 1 | 2 };
        if (made.get(stream.fd) !== stream) {
          made.set(stream.fd, stream);
          if (isWorker) writeAtOnce(stream);
        }
        return stream;
      },
    });
  }
}

/** In a worker. */
export function writeStandardStreamsAtOnce(): void {
  isWorker = true;
  for (const stream of made.values()) writeAtOnce(stream);
}

function writeAtOnce(stream: NodeJS.WriteStream): void {
  const { fd } = stream as NodeJS.WriteStream & { fd: number };
  Object.assign(stream, {
    _writev: null,
    _write: (chunk: Uint8Array | string, encoding: BufferEncoding, callback: (error?: Error) => void) => {
      try {
        writeAll(fd, typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
        callback();
      } catch (error) {
        callback(error as Error);
      }
    },
  });
}

/** Whoever has the other end may have made it non-blocking. */
function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryMs);
    }
  }
}
