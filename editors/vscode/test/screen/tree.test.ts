/** The view in the side bar, several boards at once, other themes, little room. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Locator } from "playwright-core";

import { openSource } from "../rig/editor.ts";
import type { Project } from "../rig/project.ts";
import { project, SLOW } from "../rig/project.ts";
import { DEPLOY } from "../rig/window.ts";
import type { Window } from "../rig/window.ts";

describe("the view", () => {
  let blink: Project;
  let window: Window;
  let row: (text: string | RegExp) => Locator;
  before(async () => {
    blink = project("blink", { ...SLOW, "fbuild.port": "sim:board.bin" });
    window = await openSource(blink);
    const view = window.page.locator(".sidebar .monaco-list-row");
    row = (text) => view.filter({ hasText: text }).first();
  });
  after(async () => {
    await window.close();
    blink.remove();
  });

  test("lists boards, targets and deploys", async () => {
    await window.command("View: Show fbuild");
    await window.picture("view");
    await row("espidf:build").waitFor();
    await row(/^Boards/).waitFor();
    await row(/Simulated board/).waitFor();
    await window.command(DEPLOY);
    await window.says("full flash");
    // It is known now, and so is what it has.
    await row("ESP32 24:0a:c4:00:01:10 · simulated board").waitFor();
    await row("full flash").waitFor();
    await window.picture("view");
  });

  test("deploys by its buttons, and shows the job at its board", async () => {
    blink.write(
      ".vscode/settings.json",
      JSON.stringify({ ...SLOW, "fbuild.port": "sim:other.bin?time=real" }),
    );
    const other = row(/Simulated board/);
    await other.waitFor();
    await other.hover();
    await other.locator(".action-label.codicon-zap").click();
    await row(/(writing|verifying) \w+ \d+ %/).waitFor();
    await window.says("full flash");
  });

  test("has what its buttons do in the menu of the keyboard", async () => {
    const board = row(/ESP32 24:0a:c4:00:01:10 · simulated board/);
    await board.waitFor();
    // The board that was deployed to is known by its address now, and its row goes.
    await row(/Simulated board/).waitFor({ state: "detached" });
    await board.click();
    await window.page.keyboard.press("Shift+F10");
    const entry = window.page.getByRole("menuitem", { name: "Board Information" });
    try {
      await entry.waitFor({ timeout: 20_000 });
    } finally {
      await window.picture("view-menu");
    }
    await window.page.keyboard.press("Escape");
  });

  test("several boards get it at once, and one message tells of all", async () => {
    await window.command("fbuild: Deploy to Several Boards");
    await window.row("Simulated board").first().click();
    await window.row("what Deploy would take").first().click();
    await window.page.keyboard.press("Enter");
    const toast = await window.notified(/Deployed to 2 of 2 boards/);
    assert.match(await toast.innerText(), /Simulated board: .* · simulated board/);
    await window.picture("several");
  });

  for (const [theme, kind] of [
    ["Default Light Modern", "vs"],
    ["Default High Contrast", "hc-black"],
    ["Default High Contrast Light", "hc-light"],
  ] as const) {
    test(`is right in ${theme}, and with little room`, async () => {
      const settings = { "fbuild.port": "sim:board.bin?lines=0", "workbench.colorTheme": theme };
      blink.write(".vscode/settings.json", JSON.stringify(settings));
      await window.page.locator(`.monaco-workbench.${kind}`).first().waitFor();
      await window.command(DEPLOY);
      await window.says("no answer from the board");
      await window.notified(/no loader answered/);
      await window.picture(`view-${kind}`);
      await window.page.setViewportSize({ width: 600, height: 640 });
      await window.button.waitFor();
      assert.ok(await window.status.isVisible());
      await window.picture(`narrow-${kind}`);
      await window.page.setViewportSize({ width: 1100, height: 640 });
      await window.command("Notifications: Clear All Notifications");
    });
  }
});
