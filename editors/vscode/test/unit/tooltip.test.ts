import assert from "node:assert/strict";
import { test } from "node:test";

import { describe, tooltip } from "../../src/view/tooltip.ts";
import { failed, ready, running, selective } from "./examples.ts";

test("a table per region, the board and the time", () => {
  assert.equal(
    describe(selective).replaceAll("&nbsp;&nbsp;", ""),
    [
      "**Deploy succeeded \\(selective flash: firmware; 3 of 366 sectors\\)**",
      "",
      "| Region | Offset | On the board | Written | Sent |",
      "| :-- | --: | :-- | --: | --: |",
      "| bootloader | 0x1000 | matched | – | – |",
      "| firmware | 0x10000 | differed in 3 | 3 of 366 sectors | 4.0 KiB |",
      "",
      "Target: espidf:build  ",
      "Board: ESP32 24:0a:c4:00:01:10 on /dev/ttyUSB0  ",
      "Time: 0.8 s",
    ].join("\n"),
  );
});

test("esptool is named where it did the work", () => {
  assert.match(describe({ ...selective, backend: "esptool" }), /Time: 0.8 s, by esptool$/);
});

test("a failure says what to do, and names cannot become Markdown", () => {
  const text = describe({
    ...failed,
    message: "deploy failed: $(alert) [x](command:evil) <b>",
    warnings: ["`a|b`"],
  });
  assert.match(text, /\n\nClose the serial monitor\n/);
  assert.ok(text.includes("\\$\\(alert\\) \\[x\\]\\(command:evil\\) \\<b\\>"), text);
  assert.ok(text.includes("$(warning) \\`a\\|b\\`"), text);
});

test("idle and busy", () => {
  assert.ok(
    tooltip(ready).startsWith("Target: espidf:build (ESP32)  \nBoard: none, or not chosen yet"),
  );
  assert.match(tooltip({ ...ready, running: [running] }), /^deploy: firmware 47 %/);
  const none = {
    targets: [],
    unbuilt: [{ name: "platformio:a", lookedFor: "/x", buildHint: "pio run -e a" }],
    problems: [],
    selected: [],
  };
  assert.match(tooltip({ ...ready, targets: none }), /Build it with `pio run -e a`/);
});
