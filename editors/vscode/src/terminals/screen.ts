/** The screen of a terminal that has no process behind it. */

import * as vscode from "vscode";

export class Screen implements vscode.Pseudoterminal {
  private readonly written = new vscode.EventEmitter<string>();
  private readonly ended = new vscode.EventEmitter<number>();
  readonly onDidWrite = this.written.event;
  readonly onDidClose = this.ended.event;
  readonly handleInput: (keys: string) => unknown;
  readonly close: () => unknown;
  private readonly begin: () => void;
  /** What came before the terminal was there. */
  private waiting: string | undefined = "";

  constructor(typed: (keys: string) => unknown, closed: () => unknown, begin = () => {}) {
    this.handleInput = typed;
    this.close = closed;
    this.begin = begin;
  }

  open(): void {
    this.written.fire(this.waiting ?? "");
    this.waiting = undefined;
    this.begin();
  }

  write(text: string): void {
    const lines = text.replaceAll("\n", "\r\n");
    if (this.waiting === undefined) this.written.fire(lines);
    else this.waiting += lines;
  }

  /** Ends the task that it is for. */
  end(code: number): void {
    this.ended.fire(code);
  }
}
