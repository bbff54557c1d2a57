/**
 * Stops with a clear message where Node is too old for the scripts beside this one. It is JavaScript,
 * because an old Node cannot read TypeScript: `node --import ./scripts/needs-node.mjs scripts/build.ts`.
 */

import * as fs from "node:fs";

const manifest = fs.readFileSync(new URL("../package.json", import.meta.url), "utf8");
const needed = /"node": ">=([\d.]+)"/.exec(manifest)?.[1] ?? "0";
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const [neededMajor = 0, neededMinor = 0] = needed.split(".").map(Number);
if (major < neededMajor || (major === neededMajor && minor < neededMinor)) {
  console.error(
    `Node ${needed} or newer is needed, because the scripts are TypeScript; ` +
      `this is Node ${process.versions.node} at ${process.execPath}`,
  );
  process.exit(1);
}
