/** Choosing what is deployed and where to, from lists. */

import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { after, before, describe, test } from "node:test";

import { openSource } from "../rig/editor.ts";
import type { Project } from "../rig/project.ts";
import { project } from "../rig/project.ts";
import { DEPLOY } from "../rig/window.ts";
import type { Window } from "../rig/window.ts";

describe("a choice", () => {
  let blink: Project;
  let window: Window;
  before(async () => {
    blink = project("blink", { "fbuild.port": "sim:board.bin" });
    blink.write("platformio.ini", "[env:release]\nplatform = espressif32\nboard = esp32dev\n");
    window = await openSource(blink);
  });
  after(async () => {
    await window.close();
    blink.remove();
  });

  test("of the target: with what is not built yet, and how to build it", async () => {
    await window.command("fbuild: Select Target");
    await window.row(/release.*pio run -e release/s).waitFor();
    await window.picture("targets");
    await window.page.keyboard.press("Escape");
    await window.pick("fbuild: Select Target", "espidf:build");
    await window.command(DEPLOY);
    await window.says("full flash");
    await window.command(DEPLOY);
    await window.says("up to date");
  });

  test("of a board for one deploy is not remembered", async () => {
    await window.pick("fbuild: Deploy and Choose Board", "Other…");
    await window.type("sim:once.bin");
    await window.says("full flash");
    assert.ok(fs.existsSync(path.join(blink.path, "once.bin")));
    await window.command(DEPLOY);
    await window.says("up to date");
  });

  test("of a port is shown, and taken back", async () => {
    await window.pick("fbuild: Select Port", "Other…");
    await window.type("/dev/ttyCHOSEN");
    await window.says("espidf:build · ttyCHOSEN");
    await window.pick("fbuild: Select Port", "Automatic");
    await window.says("espidf:build · simulated board");
  });
});
