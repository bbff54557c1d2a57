/** Palette, progress, status bar: what a person sees of a deploy that goes well. */

import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { after, before, describe, test } from "node:test";

import { open } from "../rig/editor.ts";
import type { Project } from "../rig/project.ts";
import { ENDLESS, project, SLOW } from "../rig/project.ts";
import { DEPLOY } from "../rig/window.ts";
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
    await window.command(DEPLOY);
    await window.says(/writing firmware \d+ %/);
    const toast = await window.notified(/Deploy: writing firmware, \d+ of \d+ KiB/);
    await toast.locator(".monaco-progress-container.discrete").waitFor();
    await toast.locator(".monaco-button", { hasText: "Cancel" }).waitFor();
    await window.says(/writing firmware [3-9]\d %/);
    await window.picture("progress");
    assert.match(await window.says("full flash"), /^full flash · \d+(\.\d)? s · simulated board$/);
    await toast.waitFor({ state: "hidden" });
  });

  test("nothing to write: it is up to date", async () => {
    await window.command(DEPLOY);
    assert.match(await window.says("up to date"), /^up to date · \d+(\.\d)? s · simulated board$/);
  });

  test("selective: the sectors that differ, after a build that the status bar noticed", async () => {
    blink.build("goodbye");
    await window.says("espidf:build · simulated board");
    await window.command(DEPLOY);
    const said = await window.says("sectors ·");
    assert.match(said, /^firmware · [1-4] sectors · \d+(\.\d)? s · simulated board$/);
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

  test("a plan has a Deploy link, and its status is no success", async () => {
    blink.build("hello");
    await window.command("fbuild: Show Plan");
    await window.says(/\d sectors to write/);
    await window.status.locator(".codicon-list-ordered").waitFor();
    const lens = window.page.locator(".codelens-decoration", { hasText: "Deploy" }).first();
    await window.picture("plan");
    await lens.locator("a").first().click();
    await window.says(/firmware · [1-4] sectors/);
  });

  test("one click deploys: in the title of the editor, and in the status bar", async () => {
    await window.openFile("main.c");
    await window.page.locator(".editor-actions .codicon-zap").click();
    await window.says("up to date");
    blink.build("goodbye");
    await window.says("espidf:build · simulated board");
    await window.button.filter({ hasText: "Deploy" }).click();
    await window.says(/sectors ·/);
    await window.picture("buttons");
  });

  test("the palette finds it by other tools' words, and Erase not first", async () => {
    for (const word of ["flash", "upload", "esp32"]) {
      await window.palette(word, DEPLOY);
      const first = window.row(/./).first();
      assert.doesNotMatch(await first.innerText(), /Erase/, word);
      await window.page.keyboard.press("Escape");
    }
  });

  test("the buttons are hidden by settings", async () => {
    const settings = { ...SLOW, "fbuild.port": "sim:board.bin?time=real" };
    const hidden = { "fbuild.button.editorTitle": false, "fbuild.button.statusBar": false };
    blink.write(".vscode/settings.json", JSON.stringify({ ...settings, ...hidden }));
    await window.button.waitFor({ state: "hidden" });
    await window.page.locator(".editor-actions .codicon-zap").waitFor({ state: "hidden" });
    blink.write(".vscode/settings.json", JSON.stringify(settings));
    await window.button.waitFor();
  });

  test("what is not saved is saved first", async () => {
    const settings = { ...SLOW, "fbuild.port": "sim:board.bin?time=real", "files.autoSave": "off" };
    const hidden = { "fbuild.button.statusBar": false };
    blink.write(".vscode/settings.json", JSON.stringify({ ...settings, ...hidden }));
    // The hidden button shows that nothing is saved by itself any more.
    await window.button.waitFor({ state: "hidden" });
    await window.openFile("main.c");
    await window.page.locator(".editor-instance .view-lines").click();
    await window.page.keyboard.type("// ");
    await window.page.locator(".tab.active.dirty", { hasText: "main.c" }).waitFor();
    await window.command(DEPLOY);
    await window.answer(/main\/main.c is newer than the firmware/, "Deploy anyway");
    await window.says("up to date");
    assert.match(fs.readFileSync(path.join(blink.path, "main/main.c"), "utf8"), /\/\/ /);
  });
});

test("a deploy that a closed window cut short is told in the next one, with what helps", async () => {
  const blink = project("blink", ENDLESS);
  const first = await open(blink.path);
  await first.says("espidf:build");
  await first.command("fbuild: Deploy (Full)");
  await first.says(/writing firmware [1-9]\d? %/);
  await first.command("Developer: Reload Window");
  try {
    await first.says("deploy was interrupted");
    // The hidden button shows that the faster rate has arrived.
    const settings = { "fbuild.port": "sim:board.bin", "fbuild.button.statusBar": false };
    blink.write(".vscode/settings.json", JSON.stringify(settings));
    await first.button.waitFor({ state: "hidden" });
    await first.picture("interrupted");
    assert.match((await first.status.getAttribute("class")) ?? "", /warning-kind/);
    await first.answer(/The last deploy of espidf:build to ESP32 .* may not start/, "Deploy");
    await first.says(/sectors ·|full flash/);
  } finally {
    await first.close();
    blink.remove();
  }
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
    await window.says("deploy was interrupted");
    await window.command("fbuild: Verify");
    await window.says("board differs");
    await window.answer(/Verify failed/, "Deploy");
    await window.says(/sectors ·|full flash/);
  } finally {
    await window.close();
    blink.remove();
  }
});
