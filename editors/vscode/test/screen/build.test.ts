/** The daily loop: an edit, one command; what is wrong is said, its correction is built and deployed. */

import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { after, before, describe, test } from "node:test";

import { openSource } from "../rig/editor.ts";
import type { Project } from "../rig/project.ts";
import { project } from "../rig/project.ts";
import { DEPLOY } from "../rig/window.ts";
import type { Window } from "../rig/window.ts";

/** Stands for the tool: it builds what the source says, or tells what is wrong with it. */
const make = path.resolve(import.meta.dirname, "../../../../tests/example/make.py");
const tool = [
  `greeting=$(sed -n 's/.*"\\(.*\\)".*/\\1/p' main/main.c)`,
  `{ [ -n "$greeting" ] || { printf 'main/main.c:1:5: \\033[31merror:\\033[0m expected a greeting\\n'; exit 1; }; }`,
  `python3 ${make} --greeting "$greeting" --out build`,
].join(" && ");

describe("an edit", () => {
  let blink: Project;
  let window: Window;
  before(async () => {
    blink = project("blink", {
      "fbuild.port": "sim:board.bin",
      "fbuild.buildBeforeDeploy": tool,
      // Drawn as text, which can be read, in the very colours.
      "terminal.integrated.gpuAcceleration": "off",
      "terminal.integrated.minimumContrastRatio": 1,
    });
    window = await openSource(blink);
    await window.command(DEPLOY);
    await window.says("full flash");
  });
  after(async () => {
    await window.close();
    blink.remove();
  });

  async function write(text: string): Promise<void> {
    await window.page.locator(".editor-instance .view-lines").click();
    await window.page.keyboard.press("Control+a");
    await window.page.keyboard.insertText(text);
  }

  test("that does not compile touches no board, and one that does is on it by one command", async () => {
    await write("int main(void) { return 0; }");
    await window.command(DEPLOY);
    await window.says("build failed");
    await window.notified(/expected a greeting/);
    // On its line, too.
    await window.page.locator(".view-overlays .squiggly-error").first().waitFor();
    await window.picture("build-failed");
    await window.command("Notifications: Clear All Notifications");
    await write('char *greeting = "By one command";');
    await window.command(DEPLOY);
    await window.says(/firmware · \d+ sectors?/);
    const flash = fs.readFileSync(path.join(blink.path, "board.bin"));
    assert.ok(flash.includes("By one command"));
  });

  test("has its output in a terminal, with colours and links, which takes no focus", async () => {
    const { page } = window;
    await write("int main(void) { return 0; }");
    await window.command(DEPLOY);
    await window.says("build failed");
    await window.command("Notifications: Clear All Notifications");
    const rows = page.locator(".terminal-wrapper.active .xterm-rows");
    await rows.filter({ hasText: "--- the build failed" }).waitFor();
    assert.equal(await page.locator(".monaco-editor.focused").count(), 1);
    await rows.locator(".xterm-fg-1", { hasText: "error:" }).waitFor();
    await window.followLink("main/main.c:1:5", "Ln 1, Col 5");
    await write('char *greeting = "By one command";');
    await window.command(DEPLOY);
    await window.says("up to date");
    await rows.filter({ hasText: /--- built in/ }).waitFor();
    // Only of this build.
    assert.equal(await rows.filter({ hasText: "the build failed" }).count(), 0);
  });

  test("is built without a board, too", async () => {
    await write('char *greeting = "Built only";');
    await window.command("fbuild: Build");
    await window.page.locator(".statusbar-item", { hasText: /built espidf:build/ }).waitFor();
    const app = fs.readFileSync(path.join(blink.path, "build/example.bin"));
    assert.ok(app.includes("Built only"));
  });
});
