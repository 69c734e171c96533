/** Kernels by their names, as the addon and loaded libraries registered them. */
import { addon } from "../../addon/load.ts";
import { WorkerUsageError } from "../worker-usage-error.ts";

/** The number of a kernel. @throws WorkerUsageError when nobody registered one of that name */
export function kernelId(name: string): number {
  const id = addon().kernelId(name);
  if (id < 0) throw new WorkerUsageError("ERR_KERNEL_UNKNOWN", `no kernel is called "${name}"`);
  return id;
}

/** The names of all kernels that this process knows. */
export function kernelNames(): readonly string[] {
  return addon().kernelNames();
}
