/** What the commands work with. */

import type * as vscode from "vscode";

import type { PlanPages } from "./commands/plan.ts";
import type { Jobs } from "./jobs/jobs.ts";
import type { Model } from "./model.ts";
import type { Server } from "./server/connection.ts";
import type { Terminals } from "./terminals/terminals.ts";
import { project } from "./view/facts.ts";

export interface Desk {
  context: vscode.ExtensionContext;
  log: vscode.LogOutputChannel;
  model: Model;
  server: Server;
  jobs: Jobs;
  pages: PlanPages;
  terminals: Terminals;
}

/** The project that a question to the server is about, as an argument. */
export function root({ model }: Desk): { root?: string } {
  const path = project(model.facts);
  return path === undefined ? {} : { root: path };
}
