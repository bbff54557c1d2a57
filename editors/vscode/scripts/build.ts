/** Bundles the extension into one file, and writes the licences of what is in it beside it. */

import * as fs from "node:fs";

import { build } from "esbuild";

import { notices } from "./notices.ts";

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
fs.writeFileSync("dist/third-party-licences.txt", notices(metafile));
