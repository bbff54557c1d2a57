/** What a person sees when a deploy goes wrong or needs an answer. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { after, before, describe, test } from "node:test";

import { openSource } from "../rig/editor.ts";
import type { Project } from "../rig/project.ts";
import { project } from "../rig/project.ts";
import { DEPLOY } from "../rig/window.ts";
import type { Window } from "../rig/window.ts";

const server = path.resolve(import.meta.dirname, "../../.package/server/fbuild-lsp");

describe("a deploy that does not go well", () => {
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

  test("port busy: the cause in red, and Retry works once the port is free", async () => {
    const holder = await holdBoard(path.join(blink.path, "board.bin"));
    try {
      await window.command(DEPLOY);
      assert.equal(await window.says("port busy"), "port busy");
      const toast = await window.notified(/port sim:.*board.bin is in use by another program/);
      assert.match(await toast.first().innerText(), /Close the serial monitor/);
      await window.picture("failure");
      assert.match((await window.status.getAttribute("class")) ?? "", /error-kind/);
    } finally {
      const ended = once(holder, "exit");
      holder.kill();
      await ended;
    }
    await window.answer(/in use by another program/, "Retry");
    await window.says("full flash");
  });

  test("no answer from the board: another one can be chosen, a simulated one for this once", async () => {
    blink.write(".vscode/settings.json", '{ "fbuild.port": "sim:board.bin?lines=0" }\n');
    await window.says("espidf:build"); // the settings are known: the last result is old
    await window.command(DEPLOY);
    await window.says("no answer from the board");
    await window.answer(/no loader answered/, "Choose Port");
    await window.row("Simulated board").first().waitFor();
    await window.picture("ports");
    await window.row("Other…").first().click();
    await window.type("sim:other.bin");
    await window.says("full flash");
    assert.ok(fs.existsSync(path.join(blink.path, "other.bin")));
    // A simulated one was for this once.
    await window.command(DEPLOY);
    await window.says("no answer from the board");
  });

  test("a stale build: the question has answers, and no answer means no deploy", async () => {
    blink.write(".vscode/settings.json", '{ "fbuild.port": "sim:board.bin" }\n');
    await window.says("espidf:build");
    blink.write("main/main.c", "void app_main(void) {}\n");
    const ahead = new Date(Date.now() + 60_000);
    fs.utimesSync(path.join(blink.path, "main/main.c"), ahead, ahead);
    await window.command(DEPLOY);
    await window.says("waits for your answer");
    const question = await window.notified(/main\/main.c is newer than the firmware/);
    assert.equal(await window.notification(/^(?!.*Deploy anyway).*is newer than/s).count(), 0);
    await window.command("Notifications: Clear All Notifications");
    await window.says("cancelled");
    await window.command(DEPLOY);
    await question.first().waitFor();
    await window.picture("question");
    await window.answer(/is newer than the firmware/, "Deploy anyway");
    assert.match(await window.says(/up to date/), /up to date/);
    await window.command(DEPLOY);
    await question.first().waitFor();
    await question.locator(".codicon-notifications-clear").first().click();
    await window.says("cancelled");
  });

  test("a question that is out of sight comes back by a click on the status bar", async () => {
    await window.command(DEPLOY);
    await window.notified(/is newer than the firmware/);
    await window.page.keyboard.press("Escape");
    await window
      .notification(/is newer than/)
      .first()
      .waitFor({ state: "hidden" });
    await window.says("waits for your answer");
    await window.status.click();
    const list = window.page.locator(".notifications-center");
    await list.locator(".monaco-button", { hasText: "Deploy anyway" }).first().click();
    await window.says("up to date");
  });

  test("a file that is called like a link to a command is text, and a click on it runs nothing", async () => {
    const words = "Install the driver";
    const name = `[${words}](command:workbench.action.toggleStatusbarVisibility).bin`;
    const listed = path.join(blink.path, "build/flasher_args.json");
    const before = fs.readFileSync(listed, "utf8");
    blink.write("build/flasher_args.json", before.replaceAll("example.bin", name));
    try {
      await window.command(DEPLOY);
      const toast = await window.notified(new RegExp(`${words}.*does not exist`));
      const text = toast.locator(".notification-list-item-message");
      assert.match(await text.innerText(), /\/\[Install the driver\] \(command:workbench\.action/);
      assert.equal(await text.locator("a").count(), 0, "a link in the message");
      await window.clickWords(text, words);
      // Another command runs after whatever the click may have run.
      await window.palette("fbuild: Sel", "fbuild: Select Port");
      await window.page.keyboard.press("Escape");
      assert.ok(await window.status.isVisible(), "the status bar was hidden by the click");
      await window.command("Notifications: Clear All Notifications");
    } finally {
      blink.write("build/flasher_args.json", before);
    }
  });

  test("erasing asks first", async () => {
    await window.command("fbuild: Erase Whole Flash");
    await window.notified(/Erase the whole flash of the board on sim:.*board.bin\?/);
    await window.picture("erase");
    // It is reported for ten seconds only.
    const said = window.page.locator(".statusbar-item", { hasText: /erased \d+ MiB/ }).waitFor();
    await Promise.all([said, window.answer(/Erase the whole flash/, "Erase")]);
    const flash = fs.readFileSync(path.join(blink.path, "board.bin"));
    assert.ok(flash.subarray(0x10000, 0x20000).every((byte) => byte === 0xff));
  });
});

/** Uses a simulated board as another program would, until it is ended. */
async function holdBoard(flash: string): Promise<ChildProcess> {
  const holder = spawn(server, ["sim", "--flash", flash], { stdio: ["ignore", "pipe", "ignore"] });
  // It names its pty when it has the board.
  await once(holder.stdout, "data");
  return holder;
}
