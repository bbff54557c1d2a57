/** What the commands work with. */

import type * as vscode from "vscode";

import type { PlanPages } from "./commands/plan.ts";
import type { Jobs } from "./jobs/jobs.ts";
import type { Model } from "./model.ts";
import type { Server } from "./server/connection.ts";

export interface Desk {
  context: vscode.ExtensionContext;
  log: vscode.LogOutputChannel;
  model: Model;
  server: Server;
  jobs: Jobs;
  pages: PlanPages;
}

/** The folder that a question to the server is about, as an argument. */
export function root({ model }: Desk): { root?: string } {
  const { folder } = model.facts;
  return folder ? { root: folder.path } : {};
}
