/** The way in: puts the parts together. None of them decides what is written; the server does. */

import * as vscode from "vscode";

import { offerToAgents } from "./agents.ts";
import type { FbuildApi } from "./api.ts";
import { PlanPages } from "./commands/plan.ts";
import { gone, registerCommands } from "./commands/register.ts";
import { shown } from "./commands/shown.ts";
import type { Desk } from "./desk.ts";
import { followFront } from "./front.ts";
import { showFailure, tellUnfinished } from "./jobs/failure.ts";
import { Jobs } from "./jobs/jobs.ts";
import { Model } from "./model.ts";
import { monitorLinks } from "./monitor/links.ts";
import { release } from "./monitor/others.ts";
import { MonitorTerminals } from "./monitor/terminals.ts";
import { Server } from "./server/connection.ts";
import { Subscribers } from "./subscribers.ts";
import { taskProvider } from "./tasks/provider.ts";
import { boardsView } from "./tree/view.ts";
import { healthItem } from "./view/health.ts";
import { statusBar } from "./view/statusBar.ts";
import { Workspace } from "./workspace.ts";

export async function activate(context: vscode.ExtensionContext): Promise<FbuildApi> {
  const log = vscode.window.createOutputChannel("fbuild", { log: true });
  const model = new Model();
  const workspace = new Workspace(model);
  const pages = new PlanPages();
  const server = new Server({
    context,
    log,
    model,
    // A click on a code lens is shown like a command from the palette.
    command: (command, argument, next) =>
      shown[command] ? shown[command](desk, argument ?? {}) : next(),
    printed: (news) => {
      monitors.hear(news);
    },
  });
  const monitors = new MonitorTerminals(server);
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
      folders: (vscode.workspace.workspaceFolders ?? []).map(({ name, uri }) => ({
        name,
        path: uri.fsPath,
      })),
      isTrusted: vscode.workspace.isTrusted,
    }),
    changed.event,
  );
  const desk: Desk = { context, log, model, server, jobs, pages, monitors };

  context.subscriptions.push(
    log,
    workspace,
    followFront(model, server),
    statusBar(model),
    tellUnfinished(desk),
    boardsView(desk),
    healthItem(model),
    pages.register(),
    monitors,
    monitorLinks(monitors),
    registerCommands(desk),
    taskProvider(desk),
    { dispose: () => void server.stop() },
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
