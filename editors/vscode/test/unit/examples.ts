/** Values as the server sends them, for tests to vary. */

import type { Failure, Outcome, Region, Status, Target, Targets } from "../../src/protocol.ts";
import type { Facts } from "../../src/view/facts.ts";
import { nothing } from "../../src/view/facts.ts";

export const kept: Region = {
  name: "bootloader",
  offset: 0x1000,
  size: 26736,
  verdict: "match",
  written: false,
  bytesSent: 0,
  sectors: 7,
  sectorsDiffering: 0,
  sectorsWritten: 0,
};

export const firmware: Region = {
  name: "firmware",
  offset: 0x10000,
  size: 1495296,
  verdict: "differs",
  written: true,
  bytesSent: 4127,
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
};

export const running: Status = {
  job: 7,
  kind: "deploy",
  state: "running",
  target: "espidf:build",
  port: "/dev/ttyUSB0",
  phase: "writing",
  region: "firmware",
  percent: 47,
  leftMs: 5570,
  summary: "firmware 47 %",
};

export const built: Target = {
  name: "espidf:build",
  tool: "espidf",
  chip: "esp32",
  root: "/home/me/blink",
  foundIn: "/home/me/blink/build/flasher_args.json",
  port: null,
  builtMs: 1000,
  regions: [],
};

export const targets: Targets = {
  targets: [built],
  unbuilt: [],
  problems: [],
  selected: [{ root: "/home/me/blink", target: null, port: null }],
};

export const folder = { name: "blink", path: "/home/me/blink" };

export const ready: Facts = {
  ...nothing,
  health: { kind: "ready", version: "0.1.0", file: "/x/fbuild-lsp", from: "the extension" },
  targets,
  folder,
};
