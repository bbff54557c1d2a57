import assert from "node:assert/strict";
import { test } from "node:test";

import type { Outcome } from "../../src/protocol.ts";
import type { Facts } from "../../src/view/facts.ts";
import { statusText } from "../../src/view/statusText.ts";
import { busy, failed, firmware, folder, kept, ready, running, selective } from "./examples.ts";

const text = (facts: Partial<Facts>) => statusText({ ...ready, ...facts }).text;
const after = (outcome: Partial<Outcome>, facts: Partial<Facts> = {}) =>
  statusText({
    ...ready,
    ...facts,
    latest: { outcome: { ...selective, ...outcome }, folder, startedMs: 0 },
  });

test("idle: what a deploy would take", () => {
  const port = { target: "", port: "/dev/ttyUSB0" };
  assert.equal(text({ setting: port }), "$(zap) espidf:build · ttyUSB0");
  assert.equal(text({}), "$(zap) espidf:build · no board");
  assert.equal(
    text({ setting: { target: "", port: "sim:x?time=real" } }),
    "$(zap) espidf:build · simulated board",
  );
  const none = { targets: [], unbuilt: [], problems: [], selected: [] };
  assert.equal(text({ targets: none }), "$(zap) fbuild: nothing built");
});

test("busy: phase, region and percent", () => {
  assert.equal(text({ running: [running] }), "$(sync~spin) writing firmware 47 %");
  const asking = { ...running, phase: "asking", region: null };
  assert.equal(text({ running: [asking] }), "$(sync~spin) deploy: waits for your answer");
  assert.equal(
    text({ running: [{ ...running, phase: "connecting", region: null }, running] }),
    "$(sync~spin) writing firmware 47 % (+1)",
  );
  assert.equal(text({ running: [running], showsProgress: false }), "$(sync~spin) fbuild: deploy");
});

test("a result says what was written, and how long it took", () => {
  assert.equal(after({}).text, "$(check) firmware · 3 sectors · 0.8 s");
  assert.equal(after({ outcome: "verifySkip" }).text, "$(check) up to date · 0.8 s");
  assert.equal(after({ outcome: "fullFlash" }).text, "$(check) full flash · 0.8 s");
  const one = { ...kept, written: true, sectorsWritten: 1 };
  const two = [one, firmware];
  assert.equal(after({ regions: two }).text, "$(check) bootloader, firmware · 4 sectors · 0.8 s");
  assert.equal(
    after({ regions: [...two, { ...one, name: "nvs" }] }).text,
    "$(check) 3 regions · 5 sectors · 0.8 s",
  );
  assert.equal(after({ outcome: "planned" }).text, "$(check) 3 sectors to write");
  assert.equal(after({ outcome: "planned", plan: null }).text, "$(check) nothing to write");
});

test("with several folders a result says which one it is about", () => {
  assert.equal(
    after({ outcome: "verifySkip" }, { hasFolders: true }).text,
    "$(check) blink: up to date · 0.8 s",
  );
});

test("colours only for what needs care", () => {
  assert.deepEqual(after({}).colour, "none");
  assert.deepEqual(after({ warnings: ["main.c has unsaved changes"] }), {
    text: "$(check) firmware · 3 sectors · 0.8 s $(warning)",
    spoken: "fbuild: firmware · 3 sectors · 0.8 s, with a warning",
    colour: "none",
  });
  assert.deepEqual(after(failed), {
    text: "$(error) port busy",
    spoken: "port busy",
    colour: "error",
  });
  assert.equal(after({ outcome: "cancelled", regions: [kept] }).colour, "none");
  assert.equal(after({ outcome: "cancelled", regions: [firmware] }).colour, "warning");
});

test("causes that a person does not know by their code", () => {
  const cause = (code: string) => after({ ...failed, error: { ...busy, code } }).text;
  assert.equal(cause("no-loader"), "$(error) no answer from the board");
  assert.equal(cause("image-checksum"), "$(error) image checksum");
});

test("without a server there is no result to trust", () => {
  const stopped = statusText({
    ...ready,
    health: { kind: "stopped", why: "gone" },
    latest: { outcome: selective, folder, startedMs: 1500 },
  });
  assert.equal(stopped.text, "$(error) fbuild: no server");
  assert.equal(stopped.colour, "error");
});
