/** How the server is, in the language status menu ({}) of the files that it knows. */

import * as vscode from "vscode";

import type { Model } from "../model.ts";
import { known } from "../server/documents.ts";
import type { Health } from "./facts.ts";
import { label, message } from "./plain.ts";

export function healthItem(model: Model): vscode.Disposable {
  const item = vscode.languages.createLanguageStatusItem("fbuild.health", known);
  item.name = "fbuild";
  let shown: Health | undefined;
  const following = model.follow(({ health }) => {
    if (health === shown) return;
    shown = health;
    show(item, health);
  });
  return vscode.Disposable.from(item, following);
}

const RESTART = { title: "Restart Server", command: "fbuild.restartServer" };
const SHOW_LOG = { title: "Show Log", command: "fbuild.showLog" };

function show(item: vscode.LanguageStatusItem, health: Health): void {
  item.busy = health.kind === "starting" || health.kind === "restarting";
  item.severity = vscode.LanguageStatusSeverity.Information;
  item.command = RESTART;
  switch (health.kind) {
    case "starting":
      item.text = "fbuild-lsp starts";
      item.detail = "";
      return;
    case "ready":
      item.text = label(`fbuild-lsp ${health.version}`);
      item.detail = message(`from ${health.from}`);
      item.command = SHOW_LOG;
      return;
    case "restarting":
      item.text = "fbuild-lsp starts again";
      item.detail = message(health.why);
      item.severity = vscode.LanguageStatusSeverity.Warning;
      return;
    case "stopped":
      item.text = "fbuild-lsp is not running";
      item.detail = message(health.why);
      item.severity = vscode.LanguageStatusSeverity.Error;
      return;
  }
}
