/** A deploy as the process of a task: it prints what goes on, ends with 0 or 1, and hears Ctrl+C. */

import * as path from "node:path";
import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import { line as plain } from "../view/plain.ts";
import type { Definition } from "./lines.ts";
import { argumentsOf, describedBy, ending } from "./lines.ts";

const CTRL_C = "\u0003";

export class DeployTerminal implements vscode.Pseudoterminal {
  private readonly desk: Desk;
  private readonly definition: Definition;
  private readonly folder: string | undefined;
  private readonly text = new vscode.EventEmitter<string>();
  private readonly end = new vscode.EventEmitter<number>();
  private readonly source = new vscode.CancellationTokenSource();
  readonly onDidWrite = this.text.event;
  readonly onDidClose = this.end.event;

  constructor(desk: Desk, definition: Definition, folder: string | undefined) {
    this.desk = desk;
    this.definition = definition;
    this.folder = folder;
  }

  open(): void {
    void this.run();
  }

  close(): void {
    this.source.cancel();
  }

  handleInput(data: string): void {
    if (data === CTRL_C) this.source.cancel();
  }

  private async run(): Promise<void> {
    const { command = "deploy" } = this.definition;
    const root = this.folder === undefined ? {} : { root: this.folder };
    let last = "";
    try {
      const outcome = await this.desk.jobs.deploy(
        command,
        { ...root, ...argumentsOf(this.definition) },
        {
          isQuiet: true,
          cancel: this.source.token,
          step: (line) => {
            if (line !== last) this.print(line);
            last = line;
          },
        },
      );
      const { targets } = this.desk.model.facts;
      const file = describedBy(outcome, targets?.targets ?? []);
      const relative = file && this.folder ? path.relative(this.folder, file) : file;
      for (const line of ending(outcome, relative)) this.print(line);
      this.end.fire(outcome.error || outcome.outcome === "cancelled" ? 1 : 0);
    } catch (error) {
      this.print(String(error));
      this.end.fire(1);
    } finally {
      this.source.dispose();
    }
  }

  private print(line: string): void {
    for (const part of line.split("\n")) this.text.fire(`${plain(part)}\r\n`);
  }
}
