import { expect, test, vi } from "vitest";

import {
  Arena,
  File,
  StageMode,
  WorkerPool,
  memoryBudget,
  setMemoryBudget,
  spawnWorkerWithStaging,
  stage,
  stageFiles,
} from "../../src/staging/index.ts";

test("on another platform everything imports, and every call says that it is not supported", async () => {
  vi.spyOn(process, "platform", "get").mockReturnValue("darwin");
  const unsupported = expect.objectContaining({
    name: "AddonError",
    code: "ERR_UNSUPPORTED_PLATFORM",
    message: 'unsupported platform "darwin": Spore needs Linux',
  });
  expect(() => stageFiles(StageMode.Mmap, [])).toThrow(unsupported);
  expect(() => Arena.create()).toThrow(unsupported);
  expect(() => memoryBudget()).toThrow(unsupported);
  expect(() => setMemoryBudget({ mappedBytes: 1 })).toThrow(unsupported);
  await expect(stage(StageMode.Mmap, "a")).rejects.toThrow(unsupported);
  await expect(File.openRead("a")).rejects.toThrow(unsupported);
  await expect(spawnWorkerWithStaging([], StageMode.None, { kernel: "checksum" })).rejects.toThrow(unsupported);
  const arena = { handle: {} } as unknown as Arena;
  expect(() => WorkerPool.createSync({ files: [], arena, workers: 1 })).toThrow(unsupported);
});
