/** What is in the .vsix. FBUILD_VSIX names it. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as path from "node:path";
import { test } from "node:test";

const repository = path.resolve(import.meta.dirname, "../../../..");
const PRINT = "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]).decode())";

function run(program: string, ...args: string[]): string {
  const options = { cwd: repository, encoding: "utf8", maxBuffer: 1 << 26 } as const;
  return execFileSync(program, args, options);
}

test("the notices name everything that others wrote, with its licence", () => {
  const vsix = process.env["FBUILD_VSIX"] ?? "";
  const notices = run("python3", "-c", PRINT, vsix, "extension/ThirdPartyNotices.txt");
  const tree = run(
    "cargo",
    "tree",
    "--locked",
    ..."-p fbuild-lsp -e normal --prefix none".split(" "),
  );
  const crates = [...tree.matchAll(/^(\S+) v(\S+)(?: \((\*|proc-macro)\).*)?$/gm)];
  assert.ok(crates.length > 100);
  const missing = crates.filter(([, name, version]) => !notices.includes(`\n${name} ${version} (`));
  assert.deepEqual(missing, []);
  assert.match(notices, /^vscode-languageclient \d\S* \(MIT\)$/m);
  assert.match(notices, /esp-flasher-stub \d\S*/);
  assert.match(notices, /^tokio(, |:)/m, "the text of a crate's licence, under its name");
});
