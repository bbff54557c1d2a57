/** The way in: puts the parts together. None of them decides what is written; the server does. */

import * as vscode from "vscode";

import type { FbuildApi } from "./api.ts";
import { PlanPages, showPlan } from "./commands/plan.ts";
import { registerCommands } from "./commands/register.ts";
import type { Desk } from "./desk.ts";
import { showFailure } from "./jobs/failure.ts";
import type { DeployKind } from "./jobs/jobs.ts";
import { Jobs } from "./jobs/jobs.ts";
import { Model } from "./model.ts";
import type { DeployArguments } from "./protocol.ts";
import { Command } from "./protocol.ts";
import * as say from "./say.ts";
import { Server } from "./server/connection.ts";
import { Subscribers } from "./subscribers.ts";
import { taskProvider } from "./tasks/provider.ts";
import { withHealth, withStatus, withTargets } from "./view/facts.ts";
import { healthItem } from "./view/health.ts";
import { statusBar } from "./view/statusBar.ts";
import { Workspace } from "./workspace.ts";

export async function activate(context: vscode.ExtensionContext): Promise<FbuildApi> {
  const log = vscode.window.createOutputChannel("fbuild", { log: true });
  const model = new Model();
  const workspace = new Workspace(model);
  const pages = new PlanPages();
  const server: Server = new Server(context, log, {
    health: (health) => {
      model.update((facts) => withHealth(facts, health));
    },
    status: (status) => {
      model.update((facts) => withStatus(facts, status));
    },
    targets: (targets) => {
      model.update((facts) => withTargets(facts, targets));
      workspace.refresh();
    },
    ports: (ports) => {
      model.update((facts) => ({ ...facts, ports }));
    },
    // A click on a code lens is shown like a command from the palette.
    command: (command, argument, next) => {
      const given = (argument ?? {}) as DeployArguments;
      const kind = KINDS[command];
      if (kind === undefined) return next();
      return kind === "plan" ? showPlan(desk, pages, given) : jobs.deploy(kind, given);
    },
  });
  const subscribers = new Subscribers((text) => {
    log.warn(text);
  });
  const jobs: Jobs = new Jobs(server, model, subscribers);
  const desk: Desk = { context, log, model, server, jobs };
  jobs.showFailure = (...failed) => void showFailure(desk, ...failed);

  context.subscriptions.push(
    log,
    workspace,
    statusBar(model),
    healthItem(model),
    pages.register(),
    registerCommands(desk, pages),
    taskProvider(desk),
    { dispose: () => void server.stop() },
    vscode.workspace.onDidGrantWorkspaceTrust(() => {
      server.trustGranted();
    }),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("fbuild.server.path")) void server.restart();
    }),
  );
  running = server;
  await server.restart();
  const { health } = model.facts;
  if (health.kind === "stopped") void sayNoServer(health.why, log);
  return subscribers.api;
}

const KINDS: Partial<Record<string, DeployKind>> = {
  [Command.deploy]: "deploy",
  [Command.verify]: "verify",
  [Command.plan]: "plan",
};

/** What {@link deactivate} has to wait for. */
let running: Server | undefined;

export async function deactivate(): Promise<void> {
  await running?.stop();
}

async function sayNoServer(why: string, log: vscode.LogOutputChannel): Promise<void> {
  switch (await say.failure(`fbuild: ${why}.`, "Open Settings", "Show Log")) {
    case "Open Settings":
      await vscode.commands.executeCommand("workbench.action.openSettings", "fbuild.server.path");
      return;
    case "Show Log":
      log.show(true);
      return;
    case undefined:
      return;
  }
}
