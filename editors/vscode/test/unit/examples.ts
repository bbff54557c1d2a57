/** Values as the server sends them, for tests to vary. */

import type { Failure, Next, Outcome, Status, Target, Targets, Text } from "../../src/protocol.ts";
import type { Facts } from "../../src/view/facts.ts";
import { nothing } from "../../src/view/facts.ts";

export const words: Text = {
  short: "firmware · 3 sectors · 0.8 s",
  sentence: "Deploy succeeded (selective flash: firmware; 3 of 366 sectors) in 0.8 s.",
  detail: "**Deploy succeeded**\n\n| Region |\n|:--|\n| firmware |",
  lines: ["deploy succeeded (selective flash: firmware; 3 of 366 sectors)"],
  level: "none",
  buttons: [],
};

export const kept = {
  name: "bootloader",
  offset: 0x1000,
  size: 26736,
  verdict: "match",
  written: false,
  bytesSent: 0,
  deltaBytes: 0,
  sectors: 7,
  sectorsDiffering: 0,
  sectorsWritten: 0,
};

export const firmware = {
  name: "firmware",
  offset: 0x10000,
  size: 1495296,
  verdict: "differs",
  written: true,
  bytesSent: 4127,
  deltaBytes: 0,
  sectors: 366,
  sectorsDiffering: 3,
  sectorsWritten: 3,
};

export const selective: Outcome = {
  outcome: "selectiveFlash",
  message: "deploy succeeded (selective flash: firmware; 3 of 366 sectors)",
  target: "espidf:build",
  port: "/dev/ttyUSB0",
  chip: "esp32",
  mac: "24:0a:c4:00:01:10",
  durationMs: 843,
  regions: [kept, firmware],
  plan: {
    predictedMs: 310,
    writes: [
      {
        region: "firmware",
        sectors: 3,
        sectorsTotal: 366,
        runs: 2,
        wireBytes: 4127,
        predictedMs: 310,
      },
    ],
  },
  warnings: [],
  error: null,
  text: words,
};

export const busy: Failure = {
  code: "port-busy",
  message: "port /dev/ttyUSB0 is in use by another program",
  boardState: null,
  remedy: "close the serial monitor",
  isInput: false,
};

export const failed: Outcome = {
  ...selective,
  outcome: "failed",
  message: `deploy failed: ${busy.message}`,
  chip: null,
  mac: null,
  regions: [],
  plan: null,
  error: busy,
  text: {
    ...words,
    short: "port busy",
    lines: [`deploy failed: ${busy.message}`, "try: close the serial monitor"],
    level: "error",
  },
};

export const running: Status = {
  job: 7,
  kind: "deploy",
  outcome: null,
  state: "running",
  target: "espidf:build",
  port: "/dev/ttyUSB0",
  phase: "writing",
  percent: 47,
  token: null,
  text: { ...words, short: "writing firmware 47 %", detail: "deploy: writing firmware" },
};

export const built: Target = {
  name: "espidf:build",
  chip: "esp32",
  root: "/home/me/blink",
  foundIn: "/home/me/blink/build/flasher_args.json",
  builtMs: 1000,
};

export const next: Next = {
  target: "espidf:build",
  port: null,
  short: "espidf:build · no board",
  detail: "Target: espidf:build (ESP32)",
  unfinished: null,
};

export const targets: Targets = {
  targets: [built],
  unbuilt: [],
  selected: [{ root: "/home/me/blink", target: null, port: null, next }],
};

export const folder = { name: "blink", path: "/home/me/blink" };

export const ready: Facts = {
  ...nothing,
  health: { kind: "ready", version: "0.1.0", file: "/x/fbuild-lsp", from: "the extension" },
  targets,
  folder,
};
