/** The server's life: it crashes, it is not there, it does not come back. */

import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { openSource } from "../rig/editor.ts";
import type { Project } from "../rig/project.ts";
import { ENDLESS, project } from "../rig/project.ts";
import { DEPLOY } from "../rig/window.ts";
import type { Window } from "../rig/window.ts";
import { PATIENCE_MS } from "../rig/window.ts";

describe("the server", () => {
  let blink: Project;
  let window: Window;
  before(async () => {
    blink = project("crashing", { ...ENDLESS, "fbuild.progress": "statusBar" });
    window = await openSource(blink);
  });
  after(async () => {
    await window.close();
    blink.remove();
  });

  test("crashes in the middle of a deploy: it is said", async () => {
    await window.command(DEPLOY);
    await window.says(/writing firmware \d+ %/);
    await crash(blink.path);
    await window.says("server stopped");
    const toast = await window.notified("the server ended unexpectedly");
    assert.match(await toast.first().innerText(), /next deploy repairs/);
    await window.picture("crash");
    await window.command("Notifications: Clear All Notifications");
  });

  test("afterwards a deploy runs, without a notification as it is set, and can be cancelled", async () => {
    await window.command(DEPLOY);
    await window.says(/writing firmware [1-9]\d? %/);
    assert.equal(await window.notification(/writing/).count(), 0);
    await window.command("fbuild: Cancel Deploy");
    await window.says("cancelled");
  });

  test("crashes again and again: it is left alone until somebody restarts it", async () => {
    // Four within three minutes are too many; a slow machine may need some more for that.
    for (let n = 0; n < 10 && (await isThereAgain(window, blink.path)); n++) {
      await crash(blink.path);
    }
    await window.says("no server");
    await window.command(DEPLOY);
    await window.answer(/is not started again/, "Restart Server");
    await window.says(/espidf:build|cancelled|interrupted/);
  });

  test("a server that dies at once is tried a few times, and said once", async () => {
    const broken = path.join(blink.path, "../broken");
    const script = '#!/bin/sh\n[ "$1" = --version ] && echo "fbuild-lsp 9.9.9" && exit\nexit 3\n';
    fs.writeFileSync(broken, script, { mode: 0o755 });
    blink.write(".vscode/settings.json", JSON.stringify({ "fbuild.server.path": broken }));
    await window.says("no server");
    await window.command(DEPLOY);
    await window.notified("is not started again");
    assert.equal(await window.notification(/initialization|connection/).count(), 0);
    await window.command("Notifications: Clear All Notifications");
    blink.write(".vscode/settings.json", "{}");
    await window.says(/espidf:build|cancelled|interrupted/);
  });

  test("a setting that names no server is named in the message", async () => {
    const settings = { "fbuild.server.path": "/nowhere/fbuild-lsp" };
    blink.write(".vscode/settings.json", JSON.stringify(settings));
    await window.says("no server");
    await window.command(DEPLOY);
    await window.notified("the setting fbuild.server.path names /nowhere/fbuild-lsp");
    await window.command("Notifications: Clear All Notifications");
    blink.write(".vscode/settings.json", "{}");
    await window.says(/espidf:build|cancelled|interrupted/);
  });
});

/** Waits until there is a server again, or the status bar says that there will be none. */
async function isThereAgain(window: Window, folder: string): Promise<boolean> {
  const isLeft = window.status.filter({ hasText: "no server" });
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    if (servers().some(({ cwd }) => cwd === folder)) return true;
    if (await isLeft.isVisible()) return false;
    await sleep(100);
  }
  throw new Error(`neither a server in ${folder} nor a word that there is none`);
}

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
