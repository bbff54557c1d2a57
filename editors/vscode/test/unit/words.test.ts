import assert from "node:assert/strict";
import { test } from "node:test";

import { Crashes } from "../../src/server/crashes.ts";
import { planText } from "../../src/view/planText.ts";
import { ago, duration, sentence, shortPort, size } from "../../src/view/words.ts";
import { selective } from "./examples.ts";

test("numbers as people read them", () => {
  assert.deepEqual([843, 9960, 61_000, 185_000].map(duration), [
    "0.8 s",
    "10.0 s",
    "61 s",
    "3 min 5 s",
  ]);
  assert.deepEqual([12, 4127, 120_000, 4 << 20].map(size), ["12 B", "4.0 KiB", "117 KiB", "4 MiB"]);
  const minute = 60_000;
  assert.deepEqual(
    [0, 5 * minute, 60 * minute, 50 * 60 * minute].map((age) => ago(-age, 0)),
    ["just now", "5 min ago", "1 h ago", "2 days ago"],
  );
  assert.deepEqual(["/dev/ttyUSB0", "COM5", "sim:a.bin"].map(shortPort), [
    "ttyUSB0",
    "COM5",
    "simulated board",
  ]);
});

test("a step in words, without a second percentage beside the bar", () => {
  assert.equal(
    sentence("firmware: writing 43 %, 512 of 1180 KiB, 6 s left"),
    "writing firmware, 512 of 1180 KiB, 6 s left",
  );
  assert.equal(sentence("connecting to sim:board.bin"), "connecting to sim:board.bin");
});

test("a plan is a table that lines up", () => {
  assert.equal(
    planText({ ...selective, outcome: "planned" }),
    `Plan for espidf:build on ttyUSB0
ESP32 24:0a:c4:00:01:10

Region       Offset      Size  On the board  Sectors to write  To send   Time
bootloader   0x1000    26 KiB  the same                     -        -      -
firmware    0x10000  1460 KiB  differs               3 of 366  4.0 KiB  0.3 s

A deploy would take about 0.3 s.
`,
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
