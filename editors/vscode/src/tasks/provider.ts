/** Tasks of the type `fbuild`: those in tasks.json, and a Deploy for each folder with a project. */

import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import { withProject } from "../view/folder.ts";
import { openFolders } from "../workspace.ts";
import type { Definition } from "./lines.ts";
import { deployTerminal } from "./terminal.ts";

export function taskProvider(desk: Desk): vscode.Disposable {
  return vscode.tasks.registerTaskProvider("fbuild", {
    provideTasks: () => {
      const projects = withProject(openFolders(), desk.model.facts.targets);
      const paths = new Set(projects.map(({ path }) => path));
      return (vscode.workspace.workspaceFolders ?? [])
        .filter(({ uri }) => paths.has(uri.fsPath))
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
    Promise.resolve(deployTerminal(desk, resolved as Definition, folder?.uri.fsPath)),
  );
  const scope = folder ?? vscode.TaskScope.Workspace;
  const name = [definition.command ?? "deploy", definition.target].filter(Boolean).join(" ");
  const made = new vscode.Task(definition, scope, name, "fbuild", execution, "$fbuild");
  made.detail = "Writes only what differs";
  made.presentationOptions = { reveal: vscode.TaskRevealKind.Silent, clear: true };
  return made;
}
