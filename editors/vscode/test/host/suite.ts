/** The extension through VS Code's own interface, with the real server and the simulated board. */

import * as assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import * as vscode from "vscode";

import type { FbuildApi, WillDeployEvent } from "../../src/api.ts";
import type { BoardInfo, Outcome } from "../../src/protocol.ts";

const folder = process.env["FBUILD_PROJECT"] ?? "";

function extension(): vscode.Extension<FbuildApi> {
  const found = vscode.extensions.getExtension<FbuildApi>("fbuild.fbuild-lsp");
  assert.ok(found);
  return found;
}

function run<T>(command: string, ...given: unknown[]): Thenable<T> {
  return vscode.commands.executeCommand<T>(command, ...given);
}

interface Manifest {
  contributes: { commands: { command: string }[]; configuration: { properties: object }[] };
}

describe("the extension", () => {
  let api: FbuildApi;
  before(async () => {
    api = await extension().activate();
  });

  it("has every command that it contributes", async () => {
    const manifest = extension().packageJSON as Manifest;
    const there = new Set(await vscode.commands.getCommands(true));
    const missing = manifest.contributes.commands.filter(({ command }) => !there.has(command));
    assert.deepEqual(missing, []);
  });

  it("runs where agents are known, so that they were offered the server", () => {
    const lm: object = vscode.lm;
    assert.ok("registerMcpServerDefinitionProvider" in lm);
    assert.ok("McpStdioServerDefinition" in vscode);
  });

  it("deploys what differs, then nothing", async () => {
    const first = await run<Outcome>("fbuild.deploy");
    assert.equal(first.outcome, "fullFlash", first.message);
    assert.ok(fs.existsSync(path.join(folder, "board.bin")));
    const second = await run<Outcome>("fbuild.deploy");
    assert.equal(second.outcome, "verifySkip");
    const full = await run<Outcome>("fbuild.deployFull");
    assert.equal(full.outcome, "fullFlash");
    assert.equal((await run<Outcome>("fbuild.verify")).outcome, "verifySkip");
  });

  it("shows a server's command that a code lens runs as its own", async () => {
    const heard: string[] = [];
    const subscription = api.onDidDeploy(({ kind }) => heard.push(kind));
    const outcome = await run<Outcome>("fbuild.server.verify", { regions: ["firmware"] });
    subscription.dispose();
    assert.deepEqual(
      outcome.regions.map(({ name }) => name),
      ["firmware"],
    );
    assert.deepEqual(heard, ["verify"]);
  });

  it("lets subscribers close the port before, and tells them after", async () => {
    const story: string[] = [];
    const subscriptions = [
      api.onWillDeploy((event: WillDeployEvent) => {
        story.push(`will ${event.kind} on ${event.port ?? "?"}`);
        event.waitUntil(
          new Promise<void>((resolve) =>
            setTimeout(() => {
              story.push("closed");
              resolve();
            }, 50),
          ),
        );
      }),
      api.onDidDeploy(({ outcome }) => story.push(`did ${outcome?.outcome ?? "?"}`)),
    ];
    await run("fbuild.deploy");
    for (const subscription of subscriptions) subscription.dispose();
    const [before, ...rest] = story;
    assert.match(before ?? "", /^will deploy on sim:.*board\.bin$/);
    assert.deepEqual(rest, ["closed", "did verifySkip"]);
  });

  it("opens the port when a serial monitor, another extension, has let go of it", async () => {
    const monitor = await serialMonitor();
    const server = path.join(extension().extensionPath, "server/fbuild-lsp");
    const args = ["sim", "--flash", path.join(folder, "monitored.bin")];
    const holder = spawn(server, args, { stdio: ["ignore", "pipe", "ignore"] });
    const ended = once(holder, "exit");
    // It names its pty when it has the board.
    await once(holder.stdout, "data");
    monitor.close = async () => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      holder.kill();
      await ended;
    };
    const outcome = await run<Outcome>("fbuild.deploy", { port: "sim:monitored.bin" });
    assert.equal(outcome.outcome, "fullFlash", outcome.message);
    assert.deepEqual(monitor.story, ["will deploy", "did fullFlash"]);
  });

  it("goes on without a serial monitor that never answers, and the log says so", async () => {
    const monitor = await serialMonitor();
    monitor.close = () => new Promise(() => undefined);
    const outcome = await run<Outcome>("fbuild.deploy");
    assert.equal(outcome.outcome, "verifySkip", outcome.message);
    assert.deepEqual(monitor.story, ["will deploy", "did verifySkip"]);
    monitor.close = () => Promise.resolve();
    const logs = path.join(process.env["HOME"] ?? "", "user/logs");
    const isSaid = () =>
      fs
        .readdirSync(logs, { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith("fbuild.log"))
        .some((name) => fs.readFileSync(path.join(logs, name), "utf8").includes("took too long"));
    while (!isSaid()) await new Promise((resolve) => setTimeout(resolve, 100));
  });

  it("answers a failure as an outcome with its cause", async () => {
    const outcome = await run<Outcome>("fbuild.deploy", { port: "/dev/no-such-port" });
    assert.equal(outcome.outcome, "failed");
    assert.equal(outcome.error?.code, "port-not-found");
  });

  it("tells who the board is", async () => {
    const { board } = await run<BoardInfo>("fbuild.boardInformation");
    assert.equal(board?.chip, "esp32");
    assert.equal(board.mac, "24:0a:c4:00:01:10");
  });

  it("deploys the example to a simulated board, first all of it, then what differs", async () => {
    const first = await run<Outcome>("fbuild.trySimulatedBoard");
    assert.equal(first.outcome, "fullFlash", first.message);
    const second = await run<Outcome>("fbuild.trySimulatedBoard");
    assert.equal(second.outcome, "selectiveFlash", second.message);
    assert.ok((second.regions.at(-1)?.sectorsWritten ?? 99) < 10);
  });

  it("warns of changes that are not saved, where they are not to be", async () => {
    const settings = vscode.workspace.getConfiguration("fbuild");
    await settings.update("saveFiles", false, vscode.ConfigurationTarget.Workspace);
    const uri = vscode.Uri.file(path.join(folder, "main/main.c"));
    const document = await vscode.workspace.openTextDocument(uri);
    const editor = await vscode.window.showTextDocument(document);
    await editor.edit((edit) => {
      edit.insert(new vscode.Position(0, 0), "// ");
    });
    const outcome = await run<Outcome>("fbuild.deploy");
    assert.match(outcome.warnings.join(), /main\.c has unsaved changes/);
    await run("undo");
    while (document.isDirty) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual((await run<Outcome>("fbuild.deploy")).warnings, []);
    await run("workbench.action.closeActiveEditor");
    await settings.update("saveFiles", undefined, vscode.ConfigurationTarget.Workspace);
  });

  it("gives the server settings as they change", async () => {
    const settings = vscode.workspace.getConfiguration("fbuild");
    await settings.update("verifyOnly", true, vscode.ConfigurationTarget.Workspace);
    try {
      const outcome = await run<Outcome>("fbuild.deployFull");
      assert.equal(outcome.outcome, "verifySkip");
    } finally {
      await settings.update("verifyOnly", undefined, vscode.ConfigurationTarget.Workspace);
    }
  });

  it("knows the languages of the files that decide a deploy", async () => {
    const language = async (name: string) => {
      fs.writeFileSync(path.join(folder, name), "# empty\n");
      const uri = vscode.Uri.file(path.join(folder, name));
      return (await vscode.workspace.openTextDocument(uri)).languageId;
    };
    assert.equal(await language("partitions.csv"), "esp-partitions");
    assert.equal(await language("my_partitions_8mb.csv"), "esp-partitions");
    assert.equal(await language("other.csv"), "plaintext");
    assert.equal(await language("platformio.ini"), "ini");
    assert.equal(await language("sdkconfig.defaults.esp32"), "properties");
    for (const name of ["partitions.csv", "my_partitions_8mb.csv", "other.csv", "platformio.ini"]) {
      fs.rmSync(path.join(folder, name));
    }
    fs.rmSync(path.join(folder, "sdkconfig.defaults.esp32"));
  });

  it("has a task for the project, and its exit code tells how it went", async () => {
    const tasks = await vscode.tasks.fetchTasks({ type: "fbuild" });
    const deploy = tasks.find(({ definition }) => definition["port"] === undefined);
    assert.ok(deploy);
    assert.equal(await exitCode(deploy), 0);
    const definition = { ...deploy.definition, port: "/dev/no-such-port" };
    const { execution, scope } = deploy;
    assert.ok(execution && typeof scope === "object");
    const failing = new vscode.Task(definition, scope, "failing", "fbuild", execution);
    assert.equal(await exitCode(failing), 1);
  });

  it("runs before a debugger starts, which does not start where it fails", async () => {
    const story: string[] = [];
    const subscriptions = [
      api.onDidDeploy(({ outcome }) => story.push(outcome?.outcome ?? "?")),
      // A debugger may begin further sessions below its first.
      vscode.debug.onDidStartDebugSession(({ parentSession }) => {
        if (!parentSession) story.push("debugger");
      }),
    ];
    const program = path.join(folder, "program.js");
    fs.writeFileSync(program, "");
    const debug = (preLaunchTask: string) =>
      vscode.debug.startDebugging(vscode.workspace.workspaceFolders?.[0], {
        name: "program",
        type: "node",
        request: "launch",
        program,
        preLaunchTask,
      });
    assert.ok(await debug("to the board"));
    while (story.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(story, ["verifySkip", "debugger"]);
    story.length = 0;
    assert.equal(await debug("to nowhere"), false);
    assert.deepEqual(story, ["failed"]);
    for (const subscription of subscriptions) subscription.dispose();
  });

  it("is no formatter of sources", async () => {
    const uri = vscode.Uri.file(path.join(folder, "main/main.c"));
    await vscode.workspace.openTextDocument(uri);
    const edits = await run("vscode.executeFormatDocumentProvider", uri, { tabSize: 4 });
    assert.equal(edits, undefined);
  });

  it("starts the server anew", async () => {
    await run("fbuild.restartServer");
    assert.equal((await run<Outcome>("fbuild.verify")).outcome, "verifySkip");
  });

  it("collects what a bug report should contain", async () => {
    await run("fbuild.printDebugInformation");
    const text = vscode.window.activeTextEditor?.document.getText() ?? "";
    const said = JSON.parse(text) as {
      server: { client: object; capabilities: { notifications: object } };
    };
    assert.match(JSON.stringify(said.server.client), /code-server/);
    const { notifications } = said.server.capabilities;
    assert.deepEqual(notifications, {
      status: true,
      ports: true,
      targets: true,
      monitor: true,
      build: true,
    });
    await run("workbench.action.revertAndCloseActiveEditor");
  });
});

/** The other extension, with nothing told of it yet. */
async function serialMonitor(): Promise<{ story: string[]; close: () => Promise<void> }> {
  const monitor =
    vscode.extensions.getExtension<Awaited<ReturnType<typeof serialMonitor>>>("test.monitor");
  assert.ok(monitor);
  const api = await monitor.activate();
  api.story.length = 0;
  return api;
}

async function exitCode(task: vscode.Task): Promise<number | undefined> {
  const ended = new Promise<number | undefined>((resolve) => {
    const subscription = vscode.tasks.onDidEndTaskProcess((event) => {
      if (event.execution.task.name !== task.name) return;
      subscription.dispose();
      resolve(event.exitCode);
    });
  });
  await vscode.tasks.executeTask(task);
  return ended;
}
