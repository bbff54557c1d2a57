/** The status bar's items, for the outcome and for Deploy, and the context keys that the menus go by. */

import * as vscode from "vscode";

import type { Model } from "../model.ts";
import type { Facts } from "./facts.ts";
import { hasProject } from "./facts.ts";
import { isAsking, statusText } from "./statusText.ts";
import { tooltip } from "./tooltip.ts";

const COLOURS = {
  none: undefined,
  warning: new vscode.ThemeColor("statusBarItem.warningBackground"),
  error: new vscode.ThemeColor("statusBarItem.errorBackground"),
};

export function statusBar(model: Model): vscode.Disposable {
  const { Left } = vscode.StatusBarAlignment;
  const item = vscode.window.createStatusBarItem("outcome", Left, 10);
  item.name = "fbuild";
  const button = vscode.window.createStatusBarItem("deploy", Left, 9);
  button.name = "fbuild: Deploy button";
  const known = new Map<string, boolean>();
  const following = model.follow((facts) => {
    const { text, spoken, colour } = statusText(facts);
    item.text = text;
    // A question that has left the screen is still in the list of notifications.
    item.command = isAsking(facts) ? "notifications.showList" : "fbuild.showMenu";
    item.accessibilityInformation = { label: spoken, role: "button" };
    item.backgroundColor = COLOURS[colour];
    item.tooltip = new vscode.MarkdownString(tooltip(facts));
    const isBusy = facts.running.length > 0;
    show(item, isOfUse(facts));
    button.text = isBusy ? "$(debug-stop) Cancel" : "$(zap) Deploy";
    button.command = isBusy ? "fbuild.cancelDeploy" : "fbuild.deploy";
    button.tooltip = isBusy ? "Cancel the deploy" : "Put the firmware onto the board";
    show(button, facts.showsButton && hasProject(facts));
    setKey(known, "fbuild.isBusy", isBusy);
    setKey(known, "fbuild.hasProject", hasProject(facts));
  });
  return vscode.Disposable.from(item, button, following);
}

/** In a window without a project nothing is shown until something is asked for. */
function isOfUse(facts: Facts): boolean {
  const { health, latest, running } = facts;
  return hasProject(facts) || !!latest || running.length > 0 || health.kind !== "ready";
}

function show(item: vscode.StatusBarItem, isShown: boolean): void {
  if (isShown) item.show();
  else item.hide();
}

/** Sets a context key only when it changes: each is a message to another process. */
function setKey(known: Map<string, boolean>, key: string, value: boolean): void {
  if (known.get(key) === value) return;
  known.set(key, value);
  void vscode.commands.executeCommand("setContext", key, value);
}
