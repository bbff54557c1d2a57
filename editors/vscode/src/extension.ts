/** The way in: puts the parts together. None of them decides what is written; the server does. */

import * as vscode from "vscode";

import { offerToAgents } from "./agents.ts";
import type { FbuildApi } from "./api.ts";
import { PlanPages } from "./commands/plan.ts";
import { gone, registerCommands } from "./commands/register.ts";
import type { Desk } from "./desk.ts";
import { followFront } from "./front.ts";
import { showFailure, tellUnfinished } from "./jobs/failure.ts";
import { Jobs } from "./jobs/jobs.ts";
import { release } from "./jobs/others.ts";
import { Model } from "./model.ts";
import { Server } from "./server/connection.ts";
import { Subscribers } from "./subscribers.ts";
import { taskProvider } from "./tasks/provider.ts";
import { placeLinks } from "./terminals/links.ts";
import { Terminals } from "./terminals/terminals.ts";
import { boardsView } from "./tree/view.ts";
import { healthItem } from "./view/health.ts";
import { statusBar } from "./view/statusBar.ts";
import { followWorkspace, openFolders } from "./workspace.ts";

export async function activate(context: vscode.ExtensionContext): Promise<FbuildApi> {
  const log = vscode.window.createOutputChannel("fbuild", { log: true });
  const model = new Model();
  const pages = new PlanPages();
  const server = new Server({
    context,
    log,
    model,
    terminals: () => terminals,
  });
  const terminals: Terminals = new Terminals(server);
  const subscribers = new Subscribers((text) => {
    log.warn(text);
  });
  subscribers.api.onWillDeploy((event) => {
    if (event.port) event.waitUntil(release(vscode.extensions, context, event.port));
  });
  const jobs = new Jobs({ server, model, subscribers }, (told) => void showFailure(desk, told));
  const changed = new vscode.EventEmitter<void>();
  const agents = offerToAgents(
    vscode,
    () => ({
      file: server.file,
      folders: openFolders(),
      isTrusted: vscode.workspace.isTrusted,
    }),
    changed.event,
  );
  const desk: Desk = { context, log, model, server, jobs, pages, terminals };

  context.subscriptions.push(
    log,
    followWorkspace(model),
    followFront(model, server),
    statusBar(model),
    tellUnfinished(desk),
    boardsView(desk),
    healthItem(model),
    pages.register(),
    terminals,
    placeLinks(terminals),
    registerCommands(desk),
    taskProvider(desk),
    changed,
    ...(agents ? [agents] : []),
    vscode.workspace.onDidChangeWorkspaceFolders(() => {
      changed.fire();
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => {
      changed.fire();
      server.trustGranted();
    }),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("fbuild.server.path")) void server.restart();
    }),
  );
  running = server;
  await server.restart();
  changed.fire();
  const { health } = model.facts;
  if (health.kind === "stopped") jobs.showFailure(gone(health.why));
  return subscribers.api;
}

/** What {@link deactivate} has to wait for. */
let running: Server | undefined;

export async function deactivate(): Promise<void> {
  await running?.stop();
}
