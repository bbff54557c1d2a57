import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";

import { candidates, find } from "../../src/server/binary.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "fbuild-binary-"));
after(() => {
  fs.rmSync(folder, { recursive: true });
});

function program(name: string, line: string): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  return file;
}

const good = program("good", 'test "$1" = --version && echo "fbuild-lsp 1.2.3"');
const other = program("other", "echo git version 2.39");
const broken = program("broken", "exit 3");
const missing = path.join(folder, "missing");

test("environment, setting, extension, PATH", () => {
  const from = (environment: string | undefined, setting: string) =>
    candidates({ environment, setting, bundled: "/b" }).map((candidate) => candidate.from);
  assert.deepEqual(from("/e", "/s"), ["FBUILD_LSP_PATH"]);
  assert.deepEqual(from(undefined, "/s"), ["the setting fbuild.server.path"]);
  assert.deepEqual(from(undefined, ""), ["the extension", "PATH"]);
  const [home] = candidates({ environment: "~/x", setting: "", bundled: "" });
  assert.equal(home?.file, path.join(os.homedir(), "x"));
});

test("a server answers --version", async () => {
  const found = await find({ environment: undefined, setting: "", bundled: good });
  assert.deepEqual(found, {
    file: good,
    from: "the extension",
    version: "1.2.3",
    tried: [`${good} (the extension): fbuild-lsp 1.2.3`],
  });
});

test("one that was named and cannot be used is said by the name of the setting", async () => {
  const why = async (setting: string) => {
    const found = await find({ environment: undefined, setting, bundled: good });
    assert.equal(found.file, undefined);
    return found.why.replace(folder, "");
  };
  const named = "the setting fbuild.server.path names";
  assert.equal(
    await why(missing),
    `${named} /missing, which cannot be used: there is no such file`,
  );
  assert.equal(
    await why(other),
    `${named} /other, which cannot be used: it does not answer --version as fbuild-lsp does`,
  );
  assert.equal(
    await why(broken),
    `${named} /broken, which cannot be used: --version ended with exit code 3`,
  );
  assert.match(await why(folder), /it is not a program, or may not be run/);
});
