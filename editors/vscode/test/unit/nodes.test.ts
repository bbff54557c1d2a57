/** The tree of boards, targets and deploys. */

import assert from "node:assert/strict";
import { test } from "node:test";

import type { History } from "../../src/protocol.ts";
import { nodes } from "../../src/tree/nodes.ts";
import { built, next, ready, running, targets } from "./examples.ts";

const HOUR = 3_600_000;
const history: History = {
  boards: [
    {
      name: "ESP32 24:0a:c4:00:01:10 · ttyUSB0",
      port: "/dev/ttyUSB0",
      deploys: [
        {
          whenMs: 2 * HOUR,
          target: "espidf:build",
          root: "/home/me/blink",
          outcome: "failed",
          message: "deploy failed: no answer",
          short: "failed: no answer, 1.8 s",
        },
      ],
    },
  ],
};
const ports = [
  { name: "/dev/ttyUSB0", likelyBoard: true, description: "CP2102N" },
  { name: "/dev/ttyUSB1", likelyBoard: true, description: "CH340" },
  { name: "/dev/ttyS0", likelyBoard: false, description: "" },
];

const shown = (facts: Partial<typeof ready>, past = history) =>
  nodes({ ...ready, ports, ...facts }, past, 3 * HOUR).map(({ children }) =>
    children.map(({ icon, label, description }) => [icon, label, description]),
  );

test("boards: what is plugged in, what it is, and what was deployed to it", () => {
  const [boards] = shown({});
  assert.deepEqual(boards, [
    ["circuit-board", "ESP32 24:0a:c4:00:01:10 · ttyUSB0", "failed: no answer, 1.8 s, 1 h ago"],
    ["circuit-board", "/dev/ttyUSB1", "CH340"],
  ]);
});

test("a job that is under way is said of its board, and a simulated board that is chosen is one", () => {
  const chosen = {
    root: "/home/me/blink",
    target: null,
    port: null,
    next: { ...next, port: "sim:" },
  };
  const [boards] = shown({ running: [running], front: chosen });
  assert.deepEqual(boards?.[0], ["vm", "Simulated board", ""]);
  assert.deepEqual(boards[1]?.slice(0, 3), [
    "sync~spin",
    "ESP32 24:0a:c4:00:01:10 · ttyUSB0",
    "writing firmware 47 %",
  ]);
});

test("targets: which one a deploy would take, and what is not built", () => {
  const inner = {
    ...built,
    name: "espidf:sensor/build",
    root: "/home/me/blink/sensor",
    builtMs: null,
  };
  const unbuilt = [{ name: "espidf:other", lookedFor: "/x", buildHint: "idf.py build" }];
  const [, listed] = shown({ targets: { ...targets, targets: [built, inner], unbuilt } });
  assert.deepEqual(listed, [
    ["target", "espidf:build", "ESP32 · built 2 h ago · chosen"],
    ["package", "espidf:sensor/build", "ESP32"],
    ["circle-outline", "espidf:other", "idf.py build"],
  ]);
  const all = nodes({ ...ready, targets: { ...targets, targets: [inner] } }, history, 0);
  const { argument } = all[1]?.children[0] ?? {};
  assert.deepEqual(argument, { target: "espidf:build", root: "/home/me/blink/sensor" });
});

test("history: the latest first, to be deployed again", () => {
  const group = nodes({ ...ready, ports }, history, 3 * HOUR)[2];
  const [past] = group?.children ?? [];
  assert.equal(past?.icon, "error");
  assert.match(past.description, /^espidf:build · ESP32 .* · 1 h ago$/);
  assert.deepEqual(past.argument, {
    target: "espidf:build",
    root: "/home/me/blink",
    port: "/dev/ttyUSB0",
  });
});
