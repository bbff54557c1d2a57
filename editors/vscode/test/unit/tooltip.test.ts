import assert from "node:assert/strict";
import { test } from "node:test";

import { tooltip } from "../../src/view/tooltip.ts";
import { folder, ready, running, selective } from "./examples.ts";

test("the last result, with room between the columns of its table", () => {
  const latest = { outcome: selective, folder, asOfMs: 0 };
  const lines = tooltip({ ...ready, latest }).split("\n");
  assert.deepEqual(lines.slice(0, 5), [
    "**Deploy succeeded**",
    "",
    "| &nbsp;&nbsp;Region |",
    "|:--|",
    "| &nbsp;&nbsp;firmware |",
  ]);
});

test("idle, busy and without a server", () => {
  assert.match(tooltip(ready), /^Target: espidf:build \(ESP32\)\n/);
  assert.match(tooltip({ ...ready, running: [running] }), /^deploy: writing firmware\n/);
  const gone = { kind: "stopped", why: "[x](command:y) is gone" } as const;
  assert.match(tooltip({ ...ready, health: gone }), /^\\\[x\\\]\\\(command:y\\\) is gone\n/);
});
