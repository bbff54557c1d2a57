/** Tasks of the type `fbuild`: those in tasks.json, and a Deploy for each folder with a project. */

import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import { withProject } from "../view/folder.ts";
import type { Definition } from "./lines.ts";
import { DeployTerminal } from "./terminal.ts";

export function taskProvider(desk: Desk): vscode.Disposable {
  return vscode.tasks.registerTaskProvider("fbuild", {
    provideTasks: () => {
      const folders = vscode.workspace.workspaceFolders ?? [];
      const known = folders.map(({ name, uri }) => ({ name, path: uri.fsPath }));
      const projects = withProject(known, desk.model.facts.targets);
      return folders
        .filter(({ uri }) => projects.some(({ path }) => path === uri.fsPath))
        .map((folder) => task(desk, { type: "fbuild", command: "deploy" }, folder));
    },
    // VS Code wants the very definition back that it asks about.
    resolveTask: ({ definition, scope }) => {
      const folder = typeof scope === "object" ? scope : undefined;
      return task(desk, definition, folder);
    },
  });
}

function task(
  desk: Desk,
  definition: Definition,
  folder: vscode.WorkspaceFolder | undefined,
): vscode.Task {
  const execution = new vscode.CustomExecution((resolved) =>
    // Variables such as ${input:port} are only known now.
    Promise.resolve(new DeployTerminal(desk, resolved as Definition, folder?.uri.fsPath)),
  );
  const scope = folder ?? vscode.TaskScope.Workspace;
  const name = [definition.command ?? "deploy", definition.target].filter(Boolean).join(" ");
  const made = new vscode.Task(definition, scope, name, "fbuild", execution, "$fbuild");
  made.detail = "Writes only what differs";
  made.presentationOptions = { reveal: vscode.TaskRevealKind.Silent, clear: true };
  return made;
}
