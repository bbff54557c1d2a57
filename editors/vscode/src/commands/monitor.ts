/** Monitor, and what is done with its crashes. */

import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import { root } from "../desk.ts";
import type { DeployArguments, MonitorStarted } from "../protocol.ts";
import { Command } from "../protocol.ts";
import * as say from "../say.ts";

/** Listens to a board; what it prints comes by itself. */
export async function startMonitor(desk: Desk, given: DeployArguments): Promise<void> {
  const args = { ...root(desk), ...given };
  const started = await desk.server.run<MonitorStarted>(Command.monitorStart, args);
  if (started.error) desk.jobs.showFailure(started.text);
  if (started.monitor) desk.terminals.show(started.monitor.port);
}

/** The server shows a crash by itself; a copy of its backtrace goes to the clipboard. */
export async function showCrash({ server }: Desk, given: object): Promise<void> {
  const { text } = await server.run<{ text: string | null }>(Command.showCrash, given);
  if (!("copy" in given) || text === null) return;
  await vscode.env.clipboard.writeText(text);
  say.done("the backtrace is copied");
}
