import assert from "node:assert/strict";
import { test } from "node:test";

import { Crashes } from "../../src/server/crashes.ts";
import { ago } from "../../src/view/ago.ts";

test("times as people read them", () => {
  const minute = 60_000;
  assert.deepEqual(
    [0, 5 * minute, 60 * minute, 50 * 60 * minute].map((age) => ago(-age, 0)),
    ["just now", "5 min ago", "1 h ago", "2 days ago"],
  );
});

test("a server that keeps crashing is left alone", () => {
  const crashes = new Crashes();
  assert.deepEqual(
    [0, 1000, 2000, 3000].map((time) => crashes.mayRestart(time)),
    [true, true, true, false],
  );
  assert.ok(crashes.mayRestart(400_000));
  crashes.forget();
});
