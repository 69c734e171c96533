"use strict";
/**
 * Loads the linker's code by way of V8's code cache. `npm run build` copies this file to dist/command.cjs and
 * has it write the cache. A cache that does not fit the running Node is ignored by V8, and the code compiled.
 */
const { readFileSync, writeFileSync } = require("node:fs");
const path = require("node:path");
const { Script } = require("node:vm");

const filename = path.join(__dirname, "command-code.cjs");
const cacheFile = path.join(__dirname, "command-code.cache");

function read(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

function loadCompiled() {
  // As Node wraps a CommonJS module.
  const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(filename, "latin1")}\n})`;
  const script = new Script(source, { filename, cachedData: read(cacheFile) });
  script.runInThisContext()(exports, require, module, filename, __dirname);
  if (process.env.SPORE_WRITE_CODE_CACHE) process.on("exit", () => writeFileSync(cacheFile, script.createCachedData()));
}

// Source maps are read for modules only.
const nodeOptions = [...process.execArgv, process.env.NODE_OPTIONS ?? ""].join(" ");
if (nodeOptions.includes("--enable-source-maps")) require(filename);
else loadCompiled();
