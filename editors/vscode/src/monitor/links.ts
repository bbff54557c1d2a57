/** Links of a monitor's lines: `/src/clock/main/main.c:42`, also where the file was compiled elsewhere, and addresses. */

import * as vscode from "vscode";

import type { MonitorTerminals } from "./terminals.ts";
import type { Place } from "./places.ts";
import { addresses, places } from "./places.ts";

class Link extends vscode.TerminalLink {
  readonly place: Place;

  constructor(place: Place, what = "Open the line") {
    super(place.startIndex, place.length, what);
    this.place = place;
  }
}

export function monitorLinks(terminals: MonitorTerminals): vscode.Disposable {
  return vscode.window.registerTerminalLinkProvider({
    async provideTerminalLinks({ terminal, line }) {
      const port = terminals.port(terminal);
      if (port === undefined) return [];
      const links = places(line).map((place) => new Link(place));
      const named = addresses(line);
      const known = await terminals.places(
        port,
        named.map(({ address }) => address),
      );
      for (const at of named) {
        const place = known.find(({ address }) => address === at.address);
        if (!place) continue;
        const file = vscode.Uri.parse(place.uri).fsPath;
        links.push(new Link({ ...at, file, line: place.line + 1 }, place.function ?? undefined));
      }
      return links;
    },
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
