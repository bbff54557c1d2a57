/** Cancel Deploy: the job that is running, or the one of several that is meant. */

import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import type { Jobs } from "../protocol.ts";
import { Command } from "../protocol.ts";

export async function cancel(desk: Desk): Promise<void> {
  const { jobs } = await desk.server.run<Jobs>(Command.jobs, {});
  if (jobs.length <= 1) {
    await desk.server.run(Command.cancel, {});
    return;
  }
  const items: (vscode.QuickPickItem & { argument: object })[] = jobs.map((job) => ({
    label: job.what,
    description: job.port ?? "",
    detail: job.message,
    argument: { job: job.job },
  }));
  items.push({ label: "All of them", argument: {} });
  const pick = await vscode.window.showQuickPick(items, { title: "What to cancel" });
  if (pick) await desk.server.run(Command.cancel, pick.argument);
}
