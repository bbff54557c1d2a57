/** Espressif's esptool instead of the built-in loader: only where the workspace is trusted, and it is reported. */

import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";

import { open } from "../rig/editor.ts";
import { project } from "../rig/project.ts";
import { DEPLOY } from "../rig/window.ts";

test("an esptool that the workspace names is run when it is trusted, and not before", async () => {
  const esptool = process.env["FBUILD_ESPTOOL"];
  assert.ok(esptool, "FBUILD_ESPTOOL is not set: run tests/vscode");
  const blink = project("blink");
  const named = path.join(blink.path, "my-esptool");
  const mark = path.join(blink.path, "was-run");
  fs.writeFileSync(named, `#!/bin/sh\n: >'${mark}'\nexec '${esptool}' "$@"\n`, { mode: 0o755 });
  const settings = { "fbuild.backend": "esptool", "fbuild.esptool.path": named };
  blink.write(".vscode/settings.json", JSON.stringify(settings));
  const window = await open(blink.path, {
    asksForTrust: true,
    settings: {
      "security.workspace.trust.startupPrompt": "never",
      // The trust editor would lie over the status bar.
      "workbench.editor.useModal": "off",
    },
    // Where no other esptool is.
    environment: { PATH: "/usr/bin:/bin" },
  });
  try {
    await window.says("espidf:build");
    await window.pick("fbuild: Select Port", "Other…");
    await window.type("sim:board.bin");
    await window.says("espidf:build · simulated board");
    await window.command(DEPLOY);
    await window.says("esptool missing");
    assert.ok(!fs.existsSync(mark), "it was run");

    await window.command("Workspaces: Manage Workspace Trust");
    const trust = window.page.locator(".workspace-trust-editor .monaco-button", {
      hasText: "Trust",
    });
    await trust.first().click();
    await window.page.locator(".workspace-trust-editor.trusted").waitFor();
    await window.command(DEPLOY);
    await window.says("full flash");
    assert.ok(fs.existsSync(mark));
    const image = fs.readFileSync(path.join(blink.path, "build/example.bin"));
    const flash = fs.readFileSync(path.join(blink.path, "board.bin"));
    assert.ok(flash.subarray(0x10000, 0x10000 + image.length).equals(image));
    const tooltip = await window.hover(window.status, /Board:/);
    assert.match(tooltip, /Time: .*, by esptool/);
    await window.picture("esptool");
  } finally {
    await window.close();
    blink.remove();
  }
});
