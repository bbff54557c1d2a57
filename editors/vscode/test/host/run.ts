/** What the extension host calls: runs the suite and leaves a report. */

import { createRequire } from "node:module";

import type MochaClass from "mocha";

export function run(): Promise<void> {
  // Mocha stays outside the bundle: it loads its parts by name.
  const load = createRequire(__filename);
  const Mocha = load(process.env["FBUILD_MOCHA"] ?? "mocha") as typeof MochaClass;
  const mocha = new Mocha({
    ui: "bdd",
    timeout: 60_000,
    reporter: "json",
    reporterOptions: { output: process.env["FBUILD_REPORT"] },
  });
  mocha.suite.emit("pre-require", globalThis as never, "", mocha);
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- after mocha's globals are there
  require("./suite.ts");
  return new Promise((resolve) => {
    mocha.run(() => {
      resolve();
    });
  });
}
