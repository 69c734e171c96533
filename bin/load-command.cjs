"use strict";
/**
 * Loads the code of `ld`, `spore` or the resident linker by way of V8's code cache. `npm run build` copies this file
 * to dist/command.cjs and has it write the caches. For another Node there is no cache, and the code is compiled.
 */
/** The Node that is needed; `npm run build` puts it in, from "engines" of package.json. */
const [neededMajor, neededMinor] = "NEEDED_NODE".split(".").map(Number);
const [major, minor] = process.versions.node.split(".").map(Number);
// Up to here, and in what a Node must parse to get here, this is the JavaScript of Node 12.
if (major < neededMajor || (major === neededMajor && minor < neededMinor)) {
  const found = `Node ${process.versions.node} (${process.execPath})`;
  process.stderr.write(`spore: error: this is ${found}; Spore needs Node ${neededMajor}.${neededMinor} or later\n`);
  process.exit(1);
}

const { readFileSync, writeFileSync } = require("node:fs");
const path = require("node:path");
const { Script } = require("node:vm");

const program = process.argv[2];
const filename = path.join(__dirname, `${program}-code.cjs`);
// V8 takes the cache of another Node for its own where its own version is the same, though Node has changed it.
const cacheFile = path.join(__dirname, `${program}-code-${process.version}.cache`);

/** Modules of Node that most links do without, and that take a millisecond to load. */
const neededByFew = new Set(["node:os", "node:util"]);

/** The code's `require`. */
function load(name) {
  return neededByFew.has(name) ? new Proxy({}, { get: (_, key) => require(name)[key] }) : require(name);
}

function read(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

const source = readFileSync(filename, "latin1");

/** The file holds one function, whose parameters are as in Node's own wrapper of modules. */
function compile() {
  const nodeOptions = [...process.execArgv, process.env.NODE_OPTIONS || ""].join(" ");
  if (nodeOptions.includes("--enable-source-maps")) {
    // Source maps are read for modules only.
    const code = new module.constructor(filename, module);
    // oxlint-disable-next-line no-underscore-dangle -- as require() does, with text instead of a file
    code._compile(`module.exports = ${source}`, filename);
    return code.exports;
  }
  const script = new Script(source, { filename, cachedData: read(cacheFile) });
  if (process.env.SPORE_WRITE_CODE_CACHE) {
    // V8 forgets code that has not run for a while, which is no reason for the cache to lack it. It knows by its flags
    // whether a cache is for it, so they are as they were when the cache is made.
    const { setFlagsFromString } = require("node:v8");
    setFlagsFromString("--no-flush-bytecode");
    process.on("exit", () => {
      setFlagsFromString("--flush-bytecode");
      writeFileSync(cacheFile, script.createCachedData());
    });
  }
  return script.runInThisContext();
}

compile()(exports, load, module, filename, __dirname);
