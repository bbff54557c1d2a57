/** What is in the .vsix. FBUILD_VSIX names it. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";

import { here } from "../../scripts/targets.ts";

const extension = path.resolve(import.meta.dirname, "../..");
const repository = path.resolve(extension, "../..");
const PRINT = "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]).decode())";

function run(program: string, ...args: string[]): string {
  const options = { cwd: repository, encoding: "utf8", maxBuffer: 1 << 26 } as const;
  return execFileSync(program, args, options);
}

test("the changelog and all pictures of the page are inside", () => {
  const vsix = process.env["FBUILD_VSIX"] ?? "";
  const list = "import sys, zipfile; print('\\n'.join(zipfile.ZipFile(sys.argv[1]).namelist()))";
  const names = run("python3", "-c", list, vsix).split("\n");
  const inside = (name: string) => names.find((one) => one.toLowerCase() === `extension/${name}`);
  const [page, changes] = [inside("readme.md"), inside("changelog.md")];
  assert.ok(page && changes, names.join());
  const text = run("python3", "-c", PRINT, vsix, page);
  const pictures = [...text.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map((match) => match[1] ?? "");
  assert.ok(pictures.length >= 4);
  for (const picture of pictures) assert.ok(names.includes(`extension/${picture}`), picture);
  const links = [...text.matchAll(/(?<!!)\[[^\]]+\]\((?!https:)([^)]+)\)/g)];
  assert.deepEqual(links, [], "links to what is not inside");
});

test("the notices name everything that others wrote, with its licence", () => {
  const vsix = process.env["FBUILD_VSIX"] ?? "";
  const notices = run("python3", "-c", PRINT, vsix, "extension/ThirdPartyNotices.txt");
  const tree = run(
    "cargo",
    "tree",
    "--locked",
    ..."-p fbuild-lsp -e normal --prefix none --target".split(" "),
    here()?.rust ?? "",
  );
  const crates = [...tree.matchAll(/^(\S+) v(\S+)(?: \((\*|proc-macro)\).*)?$/gm)];
  assert.ok(crates.length > 100);
  const missing = crates.filter(([, name, version]) => !notices.includes(`\n${name} ${version} (`));
  assert.deepEqual(missing, []);
  assert.match(notices, /^vscode-languageclient \d\S* \(MIT\)$/m);
  assert.match(notices, /esp-flasher-stub \d\S*/);
  assert.match(notices, /^tokio(, |:)/m, "the text of a crate's licence, under its name");
});

test("a release names its repository, and its page has the pictures from there", () => {
  const vsix = process.env["FBUILD_VSIX"] ?? "";
  const [kept, server] = [`${vsix}.kept`, `${vsix}.server`];
  fs.renameSync(vsix, kept);
  // What is packaged is tried later: with the same server.
  fs.copyFileSync(path.join(extension, ".package/server", here()?.exe ?? ""), server);
  try {
    const address = "https://example.com/owner/name";
    const script = path.join(extension, "scripts/package.ts");
    const env = { ...process.env, FBUILD_REPOSITORY: address, FBUILD_LSP_PATH: server };
    execFileSync(process.execPath, [script], { env, stdio: "pipe" });
    const manifest = JSON.parse(run("python3", "-c", PRINT, vsix, "extension/package.json")) as {
      version: string;
      repository: unknown;
    };
    const named = { type: "git", url: address, directory: "editors/vscode" };
    assert.deepEqual(manifest.repository, named);
    const page = run("python3", "-c", PRINT, vsix, "extension/readme.md");
    const pictures = `${address}/raw/v${manifest.version}/editors/vscode/images/`;
    const found = [...page.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map((match) => match[1] ?? "");
    assert.ok(found.length >= 4 && found.every((one) => one.startsWith(pictures)), found.join());
  } finally {
    fs.renameSync(kept, vsix);
    fs.rmSync(server);
  }
});
