/** Runs the tests of this folder inside the extension host, and tells of each as of its own. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, test } from "node:test";

import { CodeServer } from "../rig/codeServer.ts";
import { theBrowser } from "../rig/editor.ts";
import { project } from "../rig/project.ts";

interface Result {
  fullTitle: string;
  err: { message?: string; stack?: string };
}

const PATIENCE_MS = 600_000;
const extension = path.resolve(import.meta.dirname, "../..");

describe("inside the extension host", async () => {
  for (const result of await run()) {
    test(result.fullTitle, () => {
      assert.equal(result.err.message, undefined, result.err.stack);
    });
  }
});

async function run(): Promise<Result[]> {
  const blink = project("blink", { "fbuild.port": "sim:board.bin" });
  const task = { type: "fbuild", command: "deploy" };
  const tasks = [
    { ...task, label: "to the board" },
    { ...task, label: "to nowhere", port: "/dev/no-such-port" },
  ];
  blink.write(".vscode/tasks.json", JSON.stringify({ version: "2.0.0", tasks }));
  const report = path.join(blink.path, "../report.json");
  const environment = {
    FBUILD_REPORT: report,
    FBUILD_PROJECT: blink.path,
    FBUILD_MOCHA: path.join(extension, "node_modules/mocha"),
  };
  const server = await CodeServer.start({
    vsix: monitor(),
    hasTestDriver: true,
    // A dialog would wait for a person.
    settings: { "debug.onTaskErrors": "abort" },
    environment,
  });
  const page = await (await theBrowser()).newPage();
  try {
    const ended = new Promise<void>((resolve, reject) => {
      const late = () => {
        reject(new Error(`the extension host did not end its tests:\n${server.log()}`));
      };
      const timer = setTimeout(late, PATIENCE_MS);
      void page.exposeFunction("codeAutomationExit", () => {
        clearTimeout(timer);
        resolve();
      });
    });
    await page.exposeFunction("codeAutomationLog", () => undefined);
    const remote = (file: string) =>
      `vscode-remote://${new URL(server.url).host}${path.join(extension, file)}`;
    const payload = [
      ["extensionDevelopmentPath", remote(".package")],
      ["extensionTestsPath", remote("out/host/run.cjs")],
    ];
    const query = new URLSearchParams({ folder: blink.path, payload: JSON.stringify(payload) });
    await page.goto(`${server.url}/?${query.toString()}`, { timeout: PATIENCE_MS });
    await ended;
    const { tests } = JSON.parse(fs.readFileSync(report, "utf8")) as { tests: Result[] };
    assert.notEqual(tests.length, 0);
    return tests;
  } finally {
    await page.close();
    await server.stop();
    blink.remove();
  }
}

/** Another extension, which subscribes to ours. */
function monitor(): string {
  const vsce = path.join(extension, "node_modules/@vscode/vsce/vsce");
  const vsix = path.join(extension, "out/monitor.vsix");
  const flags = ["--no-dependencies", "--allow-missing-repository", "--skip-license", "-o", vsix];
  const cwd = path.join(import.meta.dirname, "monitor");
  execFileSync(process.execPath, [vsce, "package", ...flags], { cwd, stdio: "pipe" });
  return vsix;
}
