import assert from "node:assert/strict";
import { test } from "node:test";

import type { Outcome } from "../../src/protocol.ts";
import type { Facts } from "../../src/view/facts.ts";
import { withStatus } from "../../src/view/facts.ts";
import { statusText } from "../../src/view/statusText.ts";
import { failed, folder, next, ready, running, selective, targets, words } from "./examples.ts";

const text = (facts: Partial<Facts>) => statusText({ ...ready, ...facts }).text;
const after = (outcome: Partial<Outcome>, facts: Partial<Facts> = {}) =>
  statusText({
    ...ready,
    ...facts,
    latest: { outcome: { ...selective, ...outcome }, folder, asOfMs: 0 },
  });

test("idle: what a deploy would take, in the folder that is meant or in one that has something", () => {
  assert.equal(text({}), "$(circuit-board) espidf:build · no board");
  const nothing = { ...next, target: null, short: "fbuild: nothing built" };
  const selected = [
    { root: "/docs", target: null, port: null, next: nothing },
    ...targets.selected,
  ];
  const both = { ...targets, selected };
  assert.equal(text({ targets: both }), "$(circuit-board) espidf:build · no board");
  assert.equal(
    text({ targets: both, folder: undefined }),
    "$(circuit-board) espidf:build · no board",
  );
  const docs = { name: "docs", path: "/docs" };
  assert.equal(text({ targets: both, folder: docs }), "$(circuit-board) fbuild: nothing built");
});

test("busy: what goes on, and how much else", () => {
  assert.equal(text({ running: [running] }), "$(sync~spin) writing firmware 47 %");
  assert.equal(text({ running: [running, running] }), "$(sync~spin) writing firmware 47 % (+1)");
  assert.equal(text({ running: [running], showsProgress: false }), "$(sync~spin) fbuild: deploy");
});

test("a result is the server's, with an icon", () => {
  assert.equal(after({}).text, "$(check) firmware · 3 sectors · 0.8 s");
});

test("with several folders a result says which one it is about", () => {
  assert.equal(
    after({}, { hasFolders: true }).text,
    "$(check) blink: firmware · 3 sectors · 0.8 s",
  );
});

test("colours only for what needs care", () => {
  assert.deepEqual(after({}).colour, "none");
  const warned = { ...words, level: "warning" } as const;
  assert.deepEqual(after({ text: warned }), {
    text: "$(check) firmware · 3 sectors · 0.8 s $(warning)",
    spoken: "firmware · 3 sectors · 0.8 s, with a warning",
    colour: "none",
  });
  assert.deepEqual(after(failed), {
    text: "$(error) port busy",
    spoken: "port busy",
    colour: "error",
  });
  assert.equal(after({ outcome: "cancelled" }).colour, "none");
  assert.equal(after({ outcome: "cancelled", text: warned }).colour, "warning");
});

test("without a server there is no result to trust", () => {
  const stopped = statusText({
    ...ready,
    health: { kind: "stopped", why: "gone" },
    latest: { outcome: selective, folder, asOfMs: 1500 },
  });
  assert.equal(stopped.text, "$(error) fbuild: no server");
  assert.equal(stopped.colour, "error");
});

test("a crash stands until a job begins", () => {
  const crash = { ...failed.text, short: "crashed: LoadProhibited main.c:11" };
  const status = { ...running, kind: "monitor", outcome: "crashed", state: "failed" as const };
  const crashed = withStatus(ready, { ...status, text: crash });
  assert.equal(statusText(crashed).text, "$(bug) crashed: LoadProhibited main.c:11");
  assert.equal(statusText(crashed).colour, "error");
  assert.equal(withStatus(crashed, running).crash, undefined);
});
