/** Bundles the tests that run inside the extension host into out/host/. */

import { build } from "esbuild";

await build({
  entryPoints: ["test/host/run.ts"],
  outfile: "out/host/run.cjs",
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  external: ["vscode", "mocha"],
  sourcemap: "inline",
  logLevel: "warning",
});
