/**
 * All tests in a real VS Code, in one process: they share their editors. FBUILD_ONLY takes those
 * files whose name contains it.
 */

import * as fs from "node:fs";
import * as path from "node:path";

const only = process.env["FBUILD_ONLY"] ?? "";
for (const folder of ["host", "screen"]) {
  const files = fs.readdirSync(path.join(import.meta.dirname, folder)).sort();
  for (const file of files.filter((name) => name.endsWith(".test.ts") && name.includes(only))) {
    await import(`./${folder}/${file}`);
  }
}
