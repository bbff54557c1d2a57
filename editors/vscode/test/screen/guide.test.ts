/** What a person who has no project and no board finds: palette, walkthrough, simulated board. */

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { after, before, describe, test } from "node:test";

import { open } from "../rig/editor.ts";
import type { Window } from "../rig/window.ts";

describe("without a project", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "fbuild-empty-"));
  let window: Window;
  before(async () => {
    window = await open(folder);
  });
  after(async () => {
    await window.close();
    fs.rmSync(folder, { recursive: true });
  });

  test("the palette has all commands under one name", async () => {
    await window.palette("fbuild: ", "fbuild: Board Information");
    await window.picture("palette");
    await window.page.keyboard.press("Escape");
  });

  test("the walkthrough begins with a board that needs no hardware", async () => {
    await window.pick("Welcome: Open Walkthrough...", "Deploy to an ESP32");
    const step = window.page.locator(".getting-started-step", {
      hasText: "Try it without a board",
    });
    await step.waitFor();
    // With room for the text beside the steps.
    await window.page.setViewportSize({ width: 1400, height: 720 });
    await window.page.getByText("A small example firmware goes onto a simulated board").waitFor();
    await window.picture("walkthrough");
    await step.locator(".monaco-button", { hasText: "Deploy to a Simulated Board" }).click();
    await window.says(/full flash|up to date|sectors? ·/);
    await step.locator(".codicon-getting-started-step-checked").waitFor();
  });
});
