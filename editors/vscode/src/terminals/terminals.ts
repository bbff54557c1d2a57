/**
 * What boards and builds print, in a terminal for each. A board gets the keys, and to close its terminal is
 * to stop listening.
 */

import * as path from "node:path";
import * as vscode from "vscode";

import type { BuildNews, LinePlace, MonitorNews } from "../protocol.ts";
import { Command } from "../protocol.ts";
import type { Server } from "../server/connection.ts";
import { label } from "../view/plain.ts";
import { Screen } from "./screen.ts";

export const CTRL_C = "\u0003";
/** Of the screen, and of what is above it. */
const CLEAR = "\u001b[2J\u001b[3J\u001b[H";

interface Shown {
  screen: Screen;
  terminal: vscode.Terminal;
  /** Whose places its lines name. */
  of: { port: string } | { directory: string };
  state?: MonitorNews["state"];
  /** The one that built last, and whether it does so now. */
  job: number | undefined;
  isBuilding: boolean;
}

export class Terminals implements vscode.Disposable {
  private readonly server: Server;
  /** By port, and by where a build runs. */
  private readonly shown = new Map<string, Shown>();
  /** Ports whose terminals were closed; a board may still print until the server has stopped listening. */
  private readonly closing = new Set<string>();

  constructor(server: Server) {
    this.server = server;
  }

  /** Shows news of a board, in a terminal that opens without taking the focus. */
  hear = ({ port, state, job, text }: MonitorNews): void => {
    let board = this.shown.get(port);
    if (!board) {
      if (state === "ended" || this.closing.has(port)) return;
      board = this.openMonitor(port);
      board.terminal.show(true);
    }
    // What this job has built is in front, and runs now.
    const front = this.find(vscode.window.activeTerminal);
    const isBuilt = front && "directory" in front.of && front.job === job;
    if (state === "open" && board.state === "lent" && isBuilt) board.terminal.show(true);
    board.state = state;
    board.screen.write(text);
  };

  /** Shows news of a build. */
  hearBuild = ({ directory, job, state, text }: BuildNews): void => {
    const begins = state === "begun";
    const build = this.shown.get(directory) ?? (begins ? this.openBuild(directory) : undefined);
    if (!build) return;
    build.job = job;
    build.isBuilding = state !== "ended";
    if (begins) build.terminal.show(true);
    build.screen.write(begins ? CLEAR + text : text);
  };

  /** Brings a board's terminal to the front. */
  show(port: string): void {
    this.shown.get(port)?.terminal.show(true);
  }

  /** What a line of a terminal names in the sources. */
  async places(terminal: vscode.Terminal, line: string): Promise<LinePlace[]> {
    const found = this.find(terminal);
    if (!found) return [];
    const asked = this.ask<{ places: LinePlace[] }>(Command.monitorPlaces, { ...found.of, line });
    return (await asked)?.places ?? [];
  }

  dispose(): void {
    for (const { terminal } of this.shown.values()) terminal.dispose();
  }

  private find(terminal: vscode.Terminal | undefined): Shown | undefined {
    return [...this.shown.values()].find((one) => one.terminal === terminal);
  }

  private openMonitor(port: string): Shown {
    const screen = new Screen(
      (text) => void this.ask(Command.monitorWrite, { port, text, keys: true }),
      () => {
        this.shown.delete(port);
        this.closing.add(port);
        void this.ask(Command.monitorStop, { port }).then(() => this.closing.delete(port));
      },
    );
    const place = port.startsWith("sim:") ? "simulated board" : port.replace(/^\/dev\//, "");
    return this.open(port, `Monitor: ${place}`, "pulse", screen, { port });
  }

  private openBuild(directory: string): Shown {
    const cancel = () => this.ask(Command.cancel, { job: build.job });
    const screen = new Screen(
      (keys) => keys === CTRL_C && build.isBuilding && void cancel(),
      () => this.shown.delete(directory),
    );
    const name = `Build: ${path.basename(directory)}`;
    const build = this.open(directory, name, "tools", screen, { directory });
    return build;
  }

  private open(key: string, name: string, icon: string, pty: Screen, of: Shown["of"]): Shown {
    const iconPath = new vscode.ThemeIcon(icon);
    const terminal = vscode.window.createTerminal({ name: label(name), pty, iconPath });
    const shown: Shown = { screen: pty, terminal, of, job: undefined, isBuilding: false };
    this.shown.set(key, shown);
    return shown;
  }

  /** Of a server that is gone, or a monitor that has ended, nothing is to be told here. */
  private ask<T>(command: string, argument: object): Promise<T | undefined> {
    return this.server.run<T>(command, argument).catch(() => undefined);
  }
}
