/** The deploy task, from tasks.json, with its problem matcher. */

import { after, before, describe, test } from "node:test";

import { open } from "../rig/editor.ts";
import type { Project } from "../rig/project.ts";
import { project } from "../rig/project.ts";
import type { Window } from "../rig/window.ts";

// The status bar may say how one went before its terminal has closed.
const runOptions = { instanceLimit: 3 };
const TASKS = {
  version: "2.0.0",
  tasks: [
    {
      type: "fbuild",
      command: "deploy",
      label: "to the board",
      problemMatcher: "$fbuild",
      runOptions,
    },
    { type: "fbuild", command: "deploy", target: "nothing", label: "to nowhere" },
  ],
};

describe("a deploy task", () => {
  let blink: Project;
  let window: Window;
  before(async () => {
    blink = project("blink", { "fbuild.port": "sim:board.bin" });
    blink.write(".vscode/tasks.json", JSON.stringify(TASKS));
    window = await open(blink.path);
    await window.says("espidf:build");
  });
  after(async () => {
    await window.close();
    blink.remove();
  });

  const run = (label: string) => window.pick("Tasks: Run Task", label);

  test("runs, and the status bar says how it went", async () => {
    await run("to the board");
    await window.says("full flash");
  });

  test("what is wrong with a file stands in the list of problems", async () => {
    blink.write("build/example.bin", "");
    await run("to the board");
    await window.says("file empty");
    await window.command("View: Focus Problems (Errors, Warnings, Infos)");
    const problem = window.page.locator(".markers-panel .monaco-list-row", {
      hasText: /example.bin/,
    });
    await problem.first().waitFor();
    await window.picture("problem");
    blink.build("hello");
    await run("to the board");
    await window.says("up to date");
    await problem.first().waitFor({ state: "detached" });
  });
});
