/** Links of a monitor's lines: `/src/clock/main/main.c:42`, also where the file was compiled elsewhere. */

import * as vscode from "vscode";

import type { MonitorTerminals } from "./terminals.ts";
import type { Place } from "./places.ts";
import { places } from "./places.ts";

class Link extends vscode.TerminalLink {
  readonly place: Place;

  constructor(place: Place) {
    super(place.startIndex, place.length, "Open the line");
    this.place = place;
  }
}

export function monitorLinks(terminals: MonitorTerminals): vscode.Disposable {
  return vscode.window.registerTerminalLinkProvider({
    provideTerminalLinks: ({ terminal, line }) =>
      terminals.has(terminal) ? places(line).map((place) => new Link(place)) : [],
    async handleTerminalLink({ place }: Link) {
      const found = await find(place.file);
      if (!found) return;
      const at = new vscode.Position(place.line - 1, 0);
      await vscode.window.showTextDocument(found, { selection: new vscode.Range(at, at) });
    },
  });
}

/** A file as the compiler named it, or by the longest end of its path that is in an open folder. */
async function find(file: string): Promise<vscode.Uri | undefined> {
  const parts = file.split(/[\\/]/).filter((part) => part !== "" && part !== ".");
  const folders = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri);
  const ends = parts.map((_, from) => parts.slice(from).join("/"));
  const here = ends.flatMap((end) => folders.map((folder) => vscode.Uri.joinPath(folder, end)));
  for (const uri of [vscode.Uri.file(file), ...here]) {
    try {
      await vscode.workspace.fs.stat(uri);
      return uri;
    } catch {
      // It is not there.
    }
  }
  return undefined;
}
