/** The view of boards, targets and deploys in the side bar. */

import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import type { History } from "../protocol.ts";
import { Command } from "../protocol.ts";
import type { Facts } from "../view/facts.ts";
import type { Node } from "./nodes.ts";
import { nodes } from "./nodes.ts";

export function boardsView(desk: Desk): vscode.Disposable {
  const provider = new Provider(desk);
  const view = vscode.window.createTreeView("fbuild.boards", { treeDataProvider: provider });
  // Nothing is asked for a view that is not seen.
  const opening = view.onDidChangeVisibility(({ visible }) => {
    if (visible) provider.lookAgain();
  });
  const following = desk.model.follow((facts) => {
    if (view.visible) provider.take(facts);
  });
  return vscode.Disposable.from(view, opening, following);
}

class Provider implements vscode.TreeDataProvider<Node> {
  private readonly desk: Desk;
  private readonly changed = new vscode.EventEmitter<undefined>();
  private history: History = { boards: [] };
  private drawn = "";
  private n = 0;
  readonly onDidChangeTreeData = this.changed.event;

  constructor(desk: Desk) {
    this.desk = desk;
  }

  /** Draws what has changed. When a job has ended, there is a new line of history. */
  take({ running }: Facts): void {
    if (running.length < this.n) this.lookAgain();
    this.n = running.length;
    this.draw();
  }

  lookAgain(): void {
    const asked = this.desk.server.run<History>(Command.history, {});
    asked.then(
      (history) => {
        this.history = history;
        this.draw();
      },
      () => undefined,
    );
    this.draw();
  }

  private draw(): void {
    const now = JSON.stringify(this.roots());
    if (now === this.drawn) return;
    this.drawn = now;
    this.changed.fire(undefined);
  }

  private roots(): Node[] {
    return nodes(this.desk.model.facts, this.history, Date.now());
  }

  getChildren(node?: Node): Node[] {
    return node ? [...node.children] : this.roots();
  }

  getTreeItem(node: Node): vscode.TreeItem {
    const { Expanded, None } = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(node.label, node.kind === "group" ? Expanded : None);
    // What is drawn anew stays open or closed as it was.
    if (node.kind === "group") item.id = node.label;
    item.description = node.description;
    item.contextValue = node.kind;
    item.tooltip = [node.label, node.description].filter(Boolean).join("\n");
    if (node.icon) item.iconPath = new vscode.ThemeIcon(node.icon);
    return item;
  }
}
