/** What boards print, in a terminal for each: keys go to the board, and to close it is to stop listening. */

import * as vscode from "vscode";

import type { LinePlace, MonitorNews } from "../protocol.ts";
import { Command } from "../protocol.ts";
import type { Server } from "../server/connection.ts";
import { label } from "../view/plain.ts";

/** One board's. */
class Screen implements vscode.Pseudoterminal {
  private readonly written = new vscode.EventEmitter<string>();
  readonly onDidWrite = this.written.event;
  /** What came before the terminal was there. */
  private waiting: string | undefined = "";
  private readonly typed: (keys: string) => void;
  private readonly closed: () => void;

  constructor(typed: (keys: string) => void, closed: () => void) {
    this.typed = typed;
    this.closed = closed;
  }

  open(): void {
    this.written.fire(this.waiting ?? "");
    this.waiting = undefined;
  }

  close(): void {
    this.closed();
  }

  handleInput(keys: string): void {
    this.typed(keys);
  }

  write(text: string): void {
    const lines = text.replaceAll("\n", "\r\n");
    if (this.waiting === undefined) this.written.fire(lines);
    else this.waiting += lines;
  }
}

export class MonitorTerminals implements vscode.Disposable {
  private readonly server: Server;
  private readonly boards = new Map<string, { screen: Screen; terminal: vscode.Terminal }>();
  /** What was closed, and may still print until the server has stopped listening. */
  private readonly closing = new Set<string>();

  constructor(server: Server) {
    this.server = server;
  }

  /** Shows news of a board, in a terminal that opens without taking the focus. */
  hear({ port, state, text }: MonitorNews): void {
    let board = this.boards.get(port);
    if (!board) {
      if (state === "ended" || this.closing.has(port)) return;
      board = this.open(port);
      board.terminal.show(true);
    }
    board.screen.write(text);
  }

  /** Brings a board's terminal to the front. */
  show(port: string): void {
    this.boards.get(port)?.terminal.show(true);
  }

  /** What a line of a board's terminal names in the sources. */
  async places(terminal: vscode.Terminal, line: string): Promise<LinePlace[]> {
    const port = [...this.boards].find(([, board]) => board.terminal === terminal)?.[0];
    if (port === undefined) return [];
    const asked = this.ask<{ places: LinePlace[] }>(Command.monitorPlaces, { port, line });
    return (await asked)?.places ?? [];
  }

  dispose(): void {
    for (const { terminal } of this.boards.values()) terminal.dispose();
  }

  private open(port: string) {
    const screen = new Screen(
      (text) => void this.ask(Command.monitorWrite, { port, text }),
      () => {
        this.boards.delete(port);
        this.closing.add(port);
        void this.ask(Command.monitorStop, { port }).then(() => this.closing.delete(port));
      },
    );
    const place = port.startsWith("sim:") ? "simulated board" : port.replace(/^\/dev\//, "");
    const name = label(`Monitor: ${place}`);
    const icon = new vscode.ThemeIcon("pulse");
    const terminal = vscode.window.createTerminal({ name, pty: screen, iconPath: icon });
    const board = { screen, terminal };
    this.boards.set(port, board);
    return board;
  }

  /** Of a server that is gone, or a monitor that has ended, nothing is to be told here. */
  private ask<T>(command: string, argument: object): Promise<T | undefined> {
    return this.server.run<T>(command, argument).catch(() => undefined);
  }
}
