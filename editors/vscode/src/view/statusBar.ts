/** The status bar item for the outcome, and the context keys that the menus go by. */

import * as vscode from "vscode";

import type { Model } from "../model.ts";
import type { Facts } from "./facts.ts";
import { statusText } from "./statusText.ts";
import { tooltip } from "./tooltip.ts";

const COLOURS = {
  none: undefined,
  warning: new vscode.ThemeColor("statusBarItem.warningBackground"),
  error: new vscode.ThemeColor("statusBarItem.errorBackground"),
};

export function statusBar(model: Model): vscode.Disposable {
  const item = vscode.window.createStatusBarItem("outcome", vscode.StatusBarAlignment.Left, 10);
  item.name = "fbuild";
  item.command = "fbuild.showMenu";
  const keys = new ContextKeys();
  const following = model.follow((facts) => {
    const { text, spoken, colour } = statusText(facts);
    item.text = text;
    item.accessibilityInformation = { label: spoken, role: "button" };
    item.backgroundColor = COLOURS[colour];
    item.tooltip = new vscode.MarkdownString(tooltip(facts));
    keys.set("fbuild.isBusy", facts.running.length > 0);
    keys.set("fbuild.hasProject", hasProject(facts));
  });
  item.show();
  return vscode.Disposable.from(item, following);
}

function hasProject({ targets }: Facts): boolean {
  return targets !== undefined && targets.targets.length + targets.unbuilt.length > 0;
}

/** Sets a key only when it changes: each is a message to another process. */
class ContextKeys {
  private readonly known = new Map<string, boolean>();

  set(key: string, value: boolean): void {
    if (this.known.get(key) === value) return;
    this.known.set(key, value);
    void vscode.commands.executeCommand("setContext", key, value);
  }
}
