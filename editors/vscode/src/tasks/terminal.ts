/** A deploy as the process of a task: it prints what goes on, ends with 0 or 1, and hears Ctrl+C. */

import * as path from "node:path";
import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import { Screen } from "../terminals/screen.ts";
import { CTRL_C } from "../terminals/terminals.ts";
import { line as plain } from "../view/plain.ts";
import type { Definition } from "./lines.ts";
import { argumentsOf, describedBy, ending } from "./lines.ts";

export function deployTerminal(
  desk: Desk,
  definition: Definition,
  folder: string | undefined,
): vscode.Pseudoterminal {
  const source = new vscode.CancellationTokenSource();
  const stop = () => {
    source.cancel();
  };
  const typed = (keys: string) => {
    if (keys === CTRL_C) stop();
  };
  const screen = new Screen(typed, stop, () => void run());
  return screen;

  async function run(): Promise<void> {
    const { command = "deploy" } = definition;
    const root = folder === undefined ? {} : { root: folder };
    let last = "";
    const step = (line: string) => {
      if (line !== last) print(line);
      last = line;
    };
    try {
      const args = { ...root, ...argumentsOf(definition) };
      const watch = { isQuiet: true, cancel: source.token, step };
      const outcome = await desk.jobs.deploy(command, args, watch);
      const file = describedBy(outcome, desk.model.facts.targets?.targets ?? []);
      const relative = file && folder ? path.relative(folder, file) : file;
      for (const line of ending(outcome, relative)) print(line);
      screen.end(outcome.error || outcome.outcome === "cancelled" ? 1 : 0);
    } catch (error) {
      print(String(error));
      screen.end(1);
    } finally {
      source.dispose();
    }
  }

  function print(line: string): void {
    for (const part of line.split("\n")) screen.write(`${plain(part)}\n`);
  }
}
