/** What the editor shows and has set, as far as the {@link Model} wants to know. */

import * as vscode from "vscode";

import type { Model } from "./model.ts";
import type { Facts } from "./view/facts.ts";
import { withSettings } from "./view/facts.ts";
import type { Folder } from "./view/folder.ts";
import { choose, isBelow } from "./view/folder.ts";
import type { Place } from "./jobs/progress.ts";

/** Keeps what the facts have of it as it is. */
export function followWorkspace(model: Model): vscode.Disposable {
  /** The document in a folder that was looked at last. */
  let lookedAt: string | undefined;
  let known: Facts["targets"];
  look(vscode.window.activeTextEditor);
  refresh();
  return vscode.Disposable.from(
    vscode.window.onDidChangeActiveTextEditor((editor) => {
      look(editor);
      refresh();
    }),
    vscode.workspace.onDidChangeWorkspaceFolders(refresh),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("fbuild")) refresh();
    }),
    // They tell which folders are projects.
    model.follow(({ targets }) => {
      if (targets !== known) refresh();
    }),
  );

  function look(editor: vscode.TextEditor | undefined): void {
    const uri = editor?.document.uri;
    if (uri && vscode.workspace.getWorkspaceFolder(uri)) lookedAt = uri.fsPath;
  }

  function refresh(): void {
    const folders = openFolders();
    known = model.facts.targets;
    model.update((facts) => {
      const folder = choose(folders, facts.targets, lookedAt);
      const scope = folder ? vscode.Uri.file(folder.path) : null;
      const settings = vscode.workspace.getConfiguration("fbuild", scope);
      const setting = { target: settings.get("target", ""), port: settings.get("port", "") };
      return {
        ...withSettings(facts, folder, setting),
        hasFolders: folders.length > 1,
        // A document elsewhere says nothing of this folder.
        document: folder && isBelow(lookedAt ?? "", folder.path) ? lookedAt : undefined,
        showsProgress: settings.get<Place>("progress", "notification") !== "off",
        showsButton: settings.get("button.statusBar", true),
      };
    });
  }
}

export function openFolders(): Folder[] {
  const folders = vscode.workspace.workspaceFolders ?? [];
  return folders.map(({ name, uri }) => ({ name, path: uri.fsPath }));
}
