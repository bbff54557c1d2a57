/** Workspaces that are not trusted, and those with several folders. */

import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, test } from "node:test";

import { open } from "../rig/editor.ts";
import { project } from "../rig/project.ts";
import { DEPLOY } from "../rig/window.ts";

describe("a workspace", () => {
  test("that is not trusted names no port and no server, until it is trusted", async () => {
    const blink = project("stranger", { "fbuild.server.path": "/bin/false" });
    const window = await open(blink.path, {
      asksForTrust: true,
      settings: { "security.workspace.trust.startupPrompt": "never" },
    });
    try {
      assert.equal(await window.says("espidf:build"), "espidf:build · no board");
      await window.command(DEPLOY);
      await window.says("no board found");
      assert.ok(!fs.existsSync(path.join(blink.path, "board.bin")));
      await window.picture("untrusted");
      // The target is a setting that counts at once, and shows that the file was read.
      const settings = { "fbuild.port": "sim:board.bin", "fbuild.target": "espidf:build" };
      blink.write(".vscode/settings.json", JSON.stringify(settings));
      await window.says("espidf:build · no board");
      await window.answer(/no board found/, "Manage Trust");
      await window.page
        .locator(".workspace-trust-editor .monaco-button", { hasText: "Trust" })
        .first()
        .click();
      await window.says("simulated board");
      await window.command(DEPLOY);
      await window.says("full flash");
      assert.ok(fs.existsSync(path.join(blink.path, "board.bin")));
    } finally {
      await window.close();
      blink.remove();
    }
  });

  test("with two folders deploys that of the document in front", async () => {
    const first = project("first", { "fbuild.port": "sim:a.bin" });
    const second = project("second", { "fbuild.port": "sim:b.bin" });
    const file = path.join(first.path, "../two.code-workspace");
    const folders = [{ path: first.path }, { path: second.path }];
    fs.writeFileSync(file, JSON.stringify({ folders }));
    first.write("main/one.h", "\n");
    second.write("main/two.h", "\n");
    first.build("one");
    second.build("two");
    const window = await open(file);
    try {
      await window.says("espidf:build");
      await window.openFile("one.h");
      await window.command(DEPLOY);
      await window.says("first: full flash");
      await window.openFile("two.h");
      await window.command(DEPLOY);
      await window.says("second: full flash");
      await window.command(DEPLOY);
      await window.says("second: up to date");
      assert.ok(fs.existsSync(path.join(first.path, "a.bin")));
      assert.ok(fs.existsSync(path.join(second.path, "b.bin")));
      await window.command("fbuild: Deploy History");
      await window.row("full flash").first().waitFor();
      await window.picture("history");
      await window.row("full flash").first().click();
      await window.row("Deploy Again").first().click();
      await window.says("up to date");
    } finally {
      await window.close();
      first.remove();
      second.remove();
    }
  });

  test("with projects below its folder deploys that of the document in front", async () => {
    const around = project("around", { "fbuild.port": "sim:board.bin" });
    fs.rmSync(path.join(around.path, "build"), { recursive: true });
    fs.rmSync(path.join(around.path, "sdkconfig"));
    fs.rmSync(path.join(around.path, "main"), { recursive: true });
    for (const name of ["sensor", "gateway"]) {
      around.write(`${name}/sdkconfig`, 'CONFIG_IDF_TARGET="esp32"\n');
      around.write(`${name}/main/${name}.c`, "void app_main(void) {}\n");
      around.build(name, `${name}/build`);
    }
    const window = await open(around.path);
    try {
      await window.openFile("sensor.c");
      await window.says("sensor: espidf:build · simulated board");
      await window.command(DEPLOY);
      await window.says("full flash");
      await window.openFile("gateway.c");
      await window.says("sensor: full flash");
      await window.command(DEPLOY);
      await window.status.filter({ hasText: "full flash", hasNotText: "sensor" }).waitFor();
      await window.picture("inner-project");
      assert.ok(fs.existsSync(path.join(around.path, "gateway/board.bin")));
    } finally {
      await window.close();
      around.remove();
    }
  });
});
