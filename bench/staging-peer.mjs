/** A thread or a child process of bench/staging.ts: answers each message with the results of the files that it has. */
import { isMainThread, parentPort } from "node:worker_threads";

import readAndWork, { workOf } from "./staging-work.mjs";

const answer = ({ job, paths, buffers }) =>
  buffers === undefined ? readAndWork({ job, paths }) : buffers.map((buffer) => workOf(job)(new Uint8Array(buffer)));

if (isMainThread) process.on("message", (message) => process.send(answer(message)));
else parentPort.on("message", (message) => parentPort.postMessage(answer(message)));
