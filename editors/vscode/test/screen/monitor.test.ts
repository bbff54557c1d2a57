/** What a board prints: in a terminal that follows deploys, and a crash on the line that caused it. */

import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { after, before, describe, test } from "node:test";

import { openSource } from "../rig/editor.ts";
import type { Project } from "../rig/project.ts";
import { project } from "../rig/project.ts";
import type { Window } from "../rig/window.ts";
import { DEPLOY } from "../rig/window.ts";

const panics = path.resolve(import.meta.dirname, "../../../../tests/panics");
const MONITOR = "fbuild: Monitor (Serial Output of the Board)";

describe("a monitor", () => {
  let clock: Project;
  let window: Window;
  before(async () => {
    clock = project("clock", {
      "fbuild.port": "sim:board.bin?crash=loadprohibited",
      "fbuild.build": "never",
      "fbuild.staleBuild": "ignore",
      // Drawn as text, which can be read.
      "terminal.integrated.gpuAcceleration": "off",
    });
    // The program that crashes was compiled elsewhere, as /src/clock/main/main.c.
    fs.copyFileSync(
      path.join(panics, "elf/clock-o0.elf"),
      path.join(clock.path, "build/example.elf"),
    );
    clock.write("main/main.c", fs.readFileSync(path.join(panics, "src/clock/main/main.c"), "utf8"));
    window = await openSource(clock);
  });
  after(async () => {
    await window.close();
    clock.remove();
  });

  const screen = (text: string | RegExp) =>
    window.page.locator(".terminal-wrapper.active .xterm-rows", { hasText: text });
  const squiggle = () => window.page.locator(".view-overlays .squiggly-error").first();

  test("shows what the board prints after a deploy, and takes no focus", async () => {
    await window.command(MONITOR);
    await window.page.locator(".terminal-wrapper.active").waitFor();
    assert.equal(await window.page.locator(".monaco-editor.focused").count(), 1);
    await window.command(DEPLOY);
    await screen(/is used by the deploy of espidf:build/).waitFor();
    await screen(/LoadProhibited/).waitFor();
  });

  test("puts a crash onto the line that caused it, and into the status bar", async () => {
    await window.says(/crashed: LoadProhibited main\.c:11|boot loop: LoadProhibited main\.c:11/);
    await squiggle().waitFor();
    await window.goTo(11, 5);
    const line = window.page.locator(".view-line", { hasText: "return g->rows" });
    const words = await window.hover(line, /LoadProhibited reading 0x00000004/);
    assert.match(words, /tick at \/src\/clock\/main\/main\.c:17/);
    await window.picture("board-crash");
  });

  test("copies its backtrace", async () => {
    await window.goTo(11, 5);
    await window.page.keyboard.press("Control+.");
    const copy = window.page.locator(".action-widget .monaco-list-row", { hasText: "Copy the" });
    await copy.first().click();
    await window.page.locator(".statusbar-item", { hasText: "the backtrace is copied" }).waitFor();
  });

  test("shows it on a page of the server's own", async () => {
    await window.goTo(11, 5);
    await window.page.keyboard.press("Control+.");
    const show = window.page.locator(".action-widget .monaco-list-row", { hasText: "Show the" });
    await show.first().click();
    const { page } = window;
    await page.locator(".tab.active", { hasText: "crash.txt" }).waitFor();
    await page.locator(".view-line", { hasText: "LoadProhibited reading 0x00000004" }).waitFor();
    // Nothing that a person could save.
    await page.locator(".editor-instance .view-line").first().click();
    await page.keyboard.type("x");
    await page.locator(".monaco-editor-overlaymessage", { hasText: "read-only" }).waitFor();
    await page.keyboard.press("Escape");
    await window.command("View: Close Editor");
    await page.locator(".tab.active", { hasText: "main.c" }).waitFor();
  });

  test("goes on over the next deploy, which takes the crash away until it comes again", async () => {
    await window.command(DEPLOY);
    await window.says("up to date");
    await window.says(/LoadProhibited main\.c:11/);
    await squiggle().waitFor();
  });

  test("ends when its terminal is closed, and the port is free", async () => {
    await window.command("Terminal: Kill All Terminals");
    await window.page.locator(".terminal-wrapper.active").waitFor({ state: "detached" });
    await window.command(DEPLOY);
    await window.says("up to date");
    assert.equal(await window.page.locator(".terminal-wrapper.active").count(), 0);
  });
});

test("an address is a link, by the build that the board names, and keys are the monitor's", async () => {
  const clock = project("clock", { "fbuild.build": "never" });
  const log = "I (40) app_init: ELF file SHA256:  6d80bbfd2...\nI (50) app: from 0x400d0313\n";
  clock.write("board.log", log);
  clock.write(
    ".vscode/settings.json",
    JSON.stringify({
      "fbuild.port": `sim:board.bin?log=${path.join(clock.path, "board.log")}`,
      "fbuild.build": "never",
      "fbuild.staleBuild": "ignore",
      "terminal.integrated.gpuAcceleration": "off",
    }),
  );
  fs.copyFileSync(
    path.join(panics, "elf/clock-o0.elf"),
    path.join(clock.path, "build/example.elf"),
  );
  clock.write("main/main.c", fs.readFileSync(path.join(panics, "src/clock/main/main.c"), "utf8"));
  const window = await openSource(clock);
  try {
    const { page } = window;
    await window.command(MONITOR);
    await page.locator(".terminal-wrapper.active").waitFor();
    await window.command(DEPLOY);
    await window.says("full flash");
    const rows = page.locator(".terminal-wrapper.active .xterm-rows");
    await rows.filter({ hasText: "from 0x400d0313" }).waitFor();
    await window.followLink("0x400d0313", "Ln 11, Col 1");
    await page.locator(".terminal-wrapper.active .xterm-screen").click();
    await page.keyboard.press("Control+BracketRight");
    await rows.filter({ hasText: "the monitor has ended" }).waitFor();
  } finally {
    await window.close();
    clock.remove();
  }
});
