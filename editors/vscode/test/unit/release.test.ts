/** The release makes what the extension is made for. */

import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";

import { targets } from "../../scripts/targets.ts";

const workflow = fs.readFileSync(
  path.resolve(import.meta.dirname, "../../../../.github/workflows/release.yml"),
  "utf8",
);

test("there is an extension for each system, with the program for it", () => {
  const rows = [...workflow.matchAll(/^ *- \{ system: (\S+), target: (\S+) \}$/gm)];
  assert.deepEqual(
    rows.map(([, vscode, rust]) => ({ vscode, rust })),
    targets.map(({ vscode, rust }) => ({ vscode, rust })),
  );
});

test("each program is made", () => {
  const rows = [...workflow.matchAll(/^ *- \{ target: (\S+), system: \S+ \}$/gm)];
  assert.deepEqual(new Set(rows.map(([, rust]) => rust)), new Set(targets.map(({ rust }) => rust)));
});

test("the extension names its repository", () => {
  const line = "FBUILD_REPOSITORY=$GITHUB_SERVER_URL/$GITHUB_REPOSITORY";
  const [before, after] = workflow.split(line);
  assert.ok(before && after?.includes("npm run package"));
});
