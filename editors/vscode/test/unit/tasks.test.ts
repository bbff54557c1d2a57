import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";

import { argumentsOf, describedBy, ending, problemLine } from "../../src/tasks/lines.ts";
import { built, busy, failed, selective } from "./examples.ts";

interface Manifest {
  contributes: { problemPatterns: { regexp: string; file: number; message: number }[] };
}
const manifest = JSON.parse(
  fs.readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as Manifest;

test("the problem matcher reads what a task prints", () => {
  const [pattern] = manifest.contributes.problemPatterns;
  assert.ok(pattern);
  const line = problemLine("build/flasher_args.json", {
    ...busy,
    code: "file-missing",
    message: "region firmware: build/a.bin\nis missing",
  });
  const match = new RegExp(pattern.regexp).exec(line);
  assert.equal(match?.[pattern.file], "build/flasher_args.json");
  assert.equal(match[pattern.message], "region firmware: build/a.bin is missing");
  assert.doesNotMatch("warning: main.c is newer than the firmware", new RegExp(pattern.regexp));
});

test("only what is wrong with files becomes a problem", () => {
  const file = "build/flasher_args.json";
  assert.deepEqual(ending(failed, file), [
    "deploy failed: port /dev/ttyUSB0 is in use by another program",
    "try: close the serial monitor",
  ]);
  const input = { ...failed, error: { ...busy, isInput: true, remedy: null } };
  assert.match(ending(input, file)[0] ?? "", /^error: build\/flasher_args.json: .* \[port-busy\]$/);
  assert.deepEqual(ending(selective, file), [selective.message]);
});

test("the file of a target that could not be loaded", () => {
  assert.equal(describedBy(selective, [built]), built.foundIn);
  assert.equal(describedBy({ ...failed, target: "" }, [built]), built.foundIn);
  const two = [built, { ...built, name: "other" }];
  assert.equal(describedBy({ ...failed, target: "" }, two), undefined);
});

test("a task's own fields are not the server's", () => {
  const definition = { type: "fbuild", command: "verify", target: "a", regions: ["x"] } as const;
  assert.deepEqual(argumentsOf({ ...definition, regions: ["x"] }), {
    target: "a",
    regions: ["x"],
  });
});
