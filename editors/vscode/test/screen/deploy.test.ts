/** Palette, progress, status bar: what a person sees of a deploy that goes well. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { open } from "../rig/editor.ts";
import type { Project } from "../rig/project.ts";
import { ENDLESS, project, SLOW } from "../rig/project.ts";
import type { Window } from "../rig/window.ts";

describe("a deploy", () => {
  let blink: Project;
  let window: Window;
  before(async () => {
    blink = project("blink", SLOW);
    window = await open(blink.path);
  });
  after(async () => {
    await window.close();
    blink.remove();
  });

  test("before it, the status bar says what it would take", async () => {
    const said = await window.says("espidf:build");
    assert.equal(said, "espidf:build · simulated board");
    await window.openFile("main.c");
  });

  test("full: progress with region and percent, then the result", async () => {
    await window.command("fbuild: Deploy");
    await window.says(/writing firmware \d+ %/);
    const toast = await window.notified(/Deploy: writing firmware, \d+ of \d+ KiB/);
    await toast.locator(".monaco-progress-container.discrete").waitFor();
    await toast.locator(".monaco-button", { hasText: "Cancel" }).waitFor();
    await window.says(/writing firmware [3-9]\d %/);
    await window.picture("progress");
    assert.match(await window.says("full flash"), /^full flash · \d+(\.\d)? s$/);
    await toast.waitFor({ state: "hidden" });
  });

  test("nothing to write: it is up to date", async () => {
    await window.command("fbuild: Deploy");
    assert.match(await window.says("up to date"), /^up to date · \d+(\.\d)? s$/);
  });

  test("selective: the sectors that differ, after a build that the status bar noticed", async () => {
    blink.build("goodbye");
    await window.says("espidf:build · simulated board");
    await window.command("fbuild: Deploy");
    const said = await window.says("sectors ·");
    assert.match(said, /^firmware · [1-4] sectors · \d+(\.\d)? s$/);
  });

  test("the tooltip has the regions in a table", async () => {
    const text = await window.hover(window.status, /Board:/);
    assert.match(text, /Deploy succeeded \(selective flash: firmware; \d of 61 sectors\)/);
    assert.match(text, /bootloader\s+0x1000\s+matched/);
    assert.match(text, /firmware\s+0x10000\s+differed in \d\s+\d of 61 sectors/);
    assert.match(text, /Board: ESP32 24:0a:c4:00:01:10 on a simulated board/);
    await window.picture("tooltip");
    await window.page.keyboard.press("Escape");
  });

  test("a click opens all actions", async () => {
    await window.status.click();
    await window.row("Deploy (Full)").first().waitFor();
    await window.picture("menu");
    await window.row("Show Plan").first().click();
    await window.page.locator(".tab.active", { hasText: "Plan for espidf:build" }).waitFor();
    await window.says("nothing to write");
    const page = window.page.locator(".editor-instance .view-lines");
    await page.filter({ hasText: "there is nothing to write" }).waitFor();
  });
});

test("a deploy that is cancelled says so, and the next one finishes it", async () => {
  const blink = project("blink", ENDLESS);
  const window = await open(blink.path);
  try {
    await window.says("espidf:build");
    await window.openFile("main.c");
    await window.command("fbuild: Deploy (Full)");
    const toast = await window.notified(/writing firmware/);
    await toast.locator(".monaco-button", { hasText: "Cancel" }).first().click();
    await window.says("cancelled");
    blink.write(".vscode/settings.json", '{ "fbuild.port": "sim:board.bin" }\n');
    await window.says("espidf:build");
    await window.command("fbuild: Verify");
    await window.says("board differs");
    await window.answer(/Verify failed/, "Deploy");
    await window.says(/sectors ·|full flash/);
  } finally {
    await window.close();
    blink.remove();
  }
});
