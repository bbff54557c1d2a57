/** Links of a monitor's lines, as the server finds them: `/src/clock/main/main.c:42`, and addresses. */

import * as vscode from "vscode";

import type { LinePlace } from "../protocol.ts";
import type { MonitorTerminals } from "./terminals.ts";

class Link extends vscode.TerminalLink {
  readonly place: LinePlace;

  constructor(place: LinePlace) {
    super(place.start, place.length, place.function ?? "Open the line");
    this.place = place;
  }
}

export function monitorLinks(terminals: MonitorTerminals): vscode.Disposable {
  return vscode.window.registerTerminalLinkProvider({
    async provideTerminalLinks({ terminal, line }) {
      const places = await terminals.places(terminal, line);
      return places.map((place) => new Link(place));
    },
    async handleTerminalLink({ place }: Link) {
      const at = new vscode.Position(place.line, 0);
      const selection = new vscode.Range(at, at);
      await vscode.window.showTextDocument(vscode.Uri.parse(place.uri), { selection });
    },
  });
}
