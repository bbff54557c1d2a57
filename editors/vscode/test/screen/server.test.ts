/** The server's life: it crashes, it is not there, it does not come back. */

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { open } from "../rig/editor.ts";
import type { Project } from "../rig/project.ts";
import { project, SLOW } from "../rig/project.ts";
import type { Window } from "../rig/window.ts";
import { PATIENCE_MS } from "../rig/window.ts";

describe("the server", () => {
  let blink: Project;
  let window: Window;
  before(async () => {
    blink = project("crashing", { ...SLOW, "fbuild.progress": "statusBar" });
    window = await open(blink.path);
    await window.says("espidf:build");
    await window.openFile("main.c");
  });
  after(async () => {
    await window.close();
    blink.remove();
  });

  test("crashes in the middle of a deploy: it is said", async () => {
    await window.command("fbuild: Deploy");
    await window.says(/writing firmware \d+ %/);
    await crash(blink.path);
    await window.says("server stopped");
    const toast = await window.notified("the server ended unexpectedly");
    assert.match(await toast.first().innerText(), /next deploy repairs/);
    await window.picture("crash");
    await window.command("Notifications: Clear All Notifications");
  });

  test("afterwards a deploy runs, without a notification as it is set, and can be cancelled", async () => {
    await window.command("fbuild: Deploy");
    await window.says(/writing firmware [1-9]\d? %/);
    assert.equal(await window.notification(/writing/).count(), 0);
    await window.command("fbuild: Cancel Deploy");
    await window.says("cancelled");
  });

  test("crashes again and again: it is left alone until somebody restarts it", async () => {
    for (let n = 1; n < 4; n++) await crash(blink.path);
    await window.says("no server");
    await window.command("fbuild: Deploy");
    await window.answer(/is not started again/, "Restart Server");
    await window.says(/espidf:build|cancelled/);
  });

  test("a setting that names no server is named in the message", async () => {
    const settings = { "fbuild.server.path": "/nowhere/fbuild-lsp" };
    blink.write(".vscode/settings.json", JSON.stringify(settings));
    await window.says("no server");
    await window.command("fbuild: Deploy");
    await window.notified("the setting fbuild.server.path names /nowhere/fbuild-lsp");
    await window.command("Notifications: Clear All Notifications");
    blink.write(".vscode/settings.json", "{}");
    await window.says(/espidf:build|cancelled/);
  });
});

/** Kills the server of a folder, as soon as there is one. Its working directory is the folder. */
async function crash(folder: string): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    const pid = servers().find(({ cwd }) => cwd === folder)?.pid;
    if (pid !== undefined) {
      process.kill(pid, "SIGKILL");
      while (servers().some((server) => server.pid === pid)) await sleep(20);
      return;
    }
    await sleep(100);
  }
  throw new Error(`no server in ${folder}: ${JSON.stringify(servers())}`);
}

function servers(): { pid: number; cwd: string }[] {
  const found: { pid: number; cwd: string }[] = [];
  for (const name of fs.readdirSync("/proc")) {
    try {
      const exe = fs.readlinkSync(`/proc/${name}/exe`);
      const cwd = fs.readlinkSync(`/proc/${name}/cwd`);
      if (exe.endsWith("/fbuild-lsp")) found.push({ pid: Number(name), cwd });
    } catch {
      // No process, or one that has ended since.
    }
  }
  return found;
}
