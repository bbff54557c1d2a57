/** All of it without a mouse: the palette, lists, keys, the view in the side bar, a failure's button. */

import { after, before, describe, test } from "node:test";

import type { Locator } from "playwright-core";

import { openSource } from "../rig/editor.ts";
import type { Project } from "../rig/project.ts";
import { project } from "../rig/project.ts";
import type { Window } from "../rig/window.ts";

describe("who has no mouse", () => {
  let blink: Project;
  let window: Window;
  before(async () => {
    blink = project("blink", { "fbuild.port": "sim:board.bin" });
    window = await openSource(blink);
  });
  after(async () => {
    await window.close();
    blink.remove();
  });

  const press = async (...keys: string[]) => {
    for (const key of keys) await window.page.keyboard.press(key);
  };
  const input = () => window.page.locator(".quick-input-widget input.input:focus");
  /** The row that Enter takes. */
  const focused = (text: string | RegExp) =>
    window.page.locator(".monaco-list-row.focused", { hasText: text }).first();
  /** Presses a key until this is there; a press is seen before the next one. */
  const pressUntil = async (key: string, wanted: Locator) => {
    for (let n = 0; n < 30; n++) {
      await press(key);
      const isThere = wanted.waitFor({ timeout: 500 });
      if (await isThere.then(() => true).catch(() => false)) return;
    }
    await wanted.waitFor();
  };
  /** Runs a command by typing a part of its title. */
  const run = async (words: string, title: string) => {
    await press("F1");
    await input().waitFor();
    await window.page.keyboard.insertText(words);
    await focused(title).waitFor();
    await press("Enter");
  };

  test("chooses a target from a list, deploys by a key, and reads the result", async () => {
    await run("fbuild target", "fbuild: Select Target");
    await input().waitFor();
    await press("ArrowDown");
    await focused("espidf:build").waitFor();
    await press("Enter");
    await input().waitFor({ state: "detached" });
    await press("Control+Alt+f", "d");
    await window.says("full flash");
    // The status bar is read like a list, and Enter opens what can be done.
    await run("focus status bar", "View: Focus Status Bar");
    await pressUntil("ArrowRight", window.page.locator('[id$="fbuild-lsp.outcome"] :focus'));
    await press("Enter");
    await input().waitFor();
    await press("Escape");
  });

  test("reaches boards, targets and deploys, and what can be done with them", async () => {
    await run("show fbuild", "View: Show fbuild");
    await window.page.locator(".sidebar .monaco-list:focus").waitFor();
    const board = /ESP32 .* simulated board/;
    await window.page.locator(".sidebar .monaco-list-row", { hasText: board }).first().waitFor();
    await pressUntil("ArrowDown", focused(board));
    await press("Shift+F10");
    const entry = window.page.getByRole("menuitem", { name: "Board Information" });
    await entry.waitFor();
    await press("Escape");
  });

  test("reads what went wrong among the notifications", async () => {
    // In a list the keys are the list's own.
    await press("Control+1", "Control+Alt+f", "d");
    await window.says("up to date");
    const settings = {
      "fbuild.port": "sim:board.bin?lines=0",
      "workbench.colorTheme": "Default Light Modern",
    };
    blink.write(".vscode/settings.json", JSON.stringify(settings));
    // Once the theme has changed, so have the other settings.
    await window.page.locator(".monaco-workbench.vs").first().waitFor();
    await press("Control+Alt+f", "d");
    await window.notified(/no loader answered/);
    await run("focus notification toast", "Notifications: Focus Notification Toast");
    await press("Tab");
    await window.page.locator(".notification-toast :focus").first().waitFor();
  });
});
