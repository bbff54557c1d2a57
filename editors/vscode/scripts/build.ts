/** Bundles the extension into one file, and lists what went into it beside that. */

import * as fs from "node:fs";

import { build } from "esbuild";

const { metafile } = await build({
  entryPoints: ["src/extension.ts"],
  outfile: "dist/extension.cjs",
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  external: ["vscode"],
  minify: true,
  metafile: true,
  logLevel: "warning",
});
fs.writeFileSync("dist/inputs.json", JSON.stringify(Object.keys(metafile.inputs)));
