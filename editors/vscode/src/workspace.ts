/** What the editor shows and has set, as far as the {@link Model} wants to know. */

import * as vscode from "vscode";

import type { Model } from "./model.ts";
import type { Facts } from "./view/facts.ts";
import { withSettings } from "./view/facts.ts";
import type { Folder } from "./view/folder.ts";
import { choose, isBelow } from "./view/folder.ts";
import type { Place } from "./jobs/progress.ts";

export class Workspace implements vscode.Disposable {
  private readonly model: Model;
  private readonly subscriptions: vscode.Disposable;
  /** The document in a folder that was looked at last. */
  private lookedAt: string | undefined;
  private targets: Facts["targets"];

  constructor(model: Model) {
    this.model = model;
    this.subscriptions = vscode.Disposable.from(
      vscode.window.onDidChangeActiveTextEditor((editor) => {
        this.look(editor);
        this.refresh();
      }),
      vscode.workspace.onDidChangeWorkspaceFolders(() => {
        this.refresh();
      }),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration("fbuild")) this.refresh();
      }),
      // They tell which folders are projects.
      model.follow(({ targets }) => {
        if (targets !== this.targets) this.refresh();
      }),
    );
    this.look(vscode.window.activeTextEditor);
    this.refresh();
  }

  private refresh(): void {
    const folders = (vscode.workspace.workspaceFolders ?? []).map(toFolder);
    this.targets = this.model.facts.targets;
    this.model.update((facts) => {
      const folder = choose(folders, facts.targets, this.lookedAt);
      const scope = folder ? vscode.Uri.file(folder.path) : null;
      const settings = vscode.workspace.getConfiguration("fbuild", scope);
      const setting = { target: settings.get("target", ""), port: settings.get("port", "") };
      return {
        ...withSettings(facts, folder, setting),
        hasFolders: folders.length > 1,
        // A document elsewhere says nothing of this folder.
        document: folder && isBelow(this.lookedAt ?? "", folder.path) ? this.lookedAt : undefined,
        showsProgress: settings.get<Place>("progress", "notification") !== "off",
        showsButton: settings.get("button.statusBar", true),
      };
    });
  }

  dispose(): void {
    this.subscriptions.dispose();
  }

  private look(editor: vscode.TextEditor | undefined): void {
    const uri = editor?.document.uri;
    if (uri && vscode.workspace.getWorkspaceFolder(uri)) this.lookedAt = uri.fsPath;
  }
}

function toFolder(folder: vscode.WorkspaceFolder): Folder {
  return { name: folder.name, path: folder.uri.fsPath };
}
