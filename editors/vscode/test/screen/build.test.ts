/** The daily loop: an edit, one command; what is wrong is said, its correction is built and deployed. */

import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { after, before, describe, test } from "node:test";

import { open, openSource } from "../rig/editor.ts";
import type { Project } from "../rig/project.ts";
import { espIdfProject, project } from "../rig/project.ts";
import { DEPLOY } from "../rig/window.ts";
import type { Window } from "../rig/window.ts";

const settings = {
  "fbuild.port": "sim:board.bin",
  // Drawn as text, which can be read, in the very colours.
  "terminal.integrated.gpuAcceleration": "off",
  "terminal.integrated.minimumContrastRatio": 1,
};

/** What main.c is, with this between the brackets of its one call, on line 4. */
function source(text: string): string {
  return `int puts(const char *text);\n\nvoid app_main(void) {\nputs(${text});\n}\n`;
}

describe("an edit", () => {
  let hello: Project;
  let window: Window;
  before(async () => {
    hello = espIdfProject(settings);
    window = await open(hello.path, { environment: { HOME: hello.home, IDF_PATH: "" } });
    await window.openFile("main.c");
    await window.command(DEPLOY);
    await window.says("full flash");
  });
  after(async () => {
    await window.close();
    hello.remove();
  });

  async function write(text: string): Promise<void> {
    await window.page.locator(".editor-instance .view-lines").click();
    await window.page.keyboard.press("Control+a");
    await window.page.keyboard.insertText(text);
  }

  test("that does not compile touches no board, and one that does is on it by one command", async () => {
    await write(source("nope"));
    await window.command(DEPLOY);
    await window.says("build failed");
    await window.notified(/main\.c:4: 'nope' undeclared/);
    // On its line, too.
    await window.page.locator(".view-overlays .squiggly-error").first().waitFor();
    await window.picture("build-failed");
    await window.command("Notifications: Clear All Notifications");
    await write(source('"By one command"'));
    await window.command(DEPLOY);
    await window.says(/firmware · \d+ sectors?/);
    const flash = fs.readFileSync(path.join(hello.path, "board.bin"));
    assert.ok(flash.includes("By one command"));
  });

  test("has its output in a terminal, with links, which takes no focus", async () => {
    const { page } = window;
    await write(source("nope"));
    await window.command(DEPLOY);
    await window.says("build failed");
    await window.command("Notifications: Clear All Notifications");
    const rows = page.locator(".terminal-wrapper.active .xterm-rows");
    await rows.filter({ hasText: "--- the build failed" }).waitFor();
    assert.equal(await page.locator(".monaco-editor.focused").count(), 1);
    await window.followLink("main/main.c:4:6", "Ln 4, Col 6");
    await write(source('"By one command"'));
    await window.command(DEPLOY);
    await window.says("up to date");
    await rows.filter({ hasText: /--- built in/ }).waitFor();
    // Only of this build.
    assert.equal(await rows.filter({ hasText: "the build failed" }).count(), 0);
  });

  test("is built without a board, too", async () => {
    await write(source('"Built only"'));
    await window.command("fbuild: Build");
    await window.page.locator(".statusbar-item", { hasText: /built espidf:build/ }).waitFor();
    const app = fs.readFileSync(path.join(hello.path, "build/example.bin"));
    assert.ok(app.includes("Built only"));
  });
});

test("a build by the command that a setting names keeps its colours", async () => {
  const line = "printf '\\033[31merror:\\033[0m as set\\n'; exit 1";
  const blink = project("blink", { ...settings, "fbuild.buildBeforeDeploy": line });
  const window = await openSource(blink);
  await window.command("fbuild: Build");
  const rows = window.page.locator(".terminal-wrapper.active .xterm-rows");
  await rows.locator(".xterm-fg-1", { hasText: "error:" }).waitFor();
  await window.close();
  blink.remove();
});
