/** Links of a terminal's lines, as the server finds them: `main/main.c:42:7`, and addresses. */

import * as vscode from "vscode";

import type { LinePlace } from "../protocol.ts";
import type { Terminals } from "./terminals.ts";

export function placeLinks(terminals: Terminals): vscode.Disposable {
  return vscode.window.registerTerminalLinkProvider({
    async provideTerminalLinks({ terminal, line }) {
      const places = await terminals.places(terminal, line);
      return places.map((place) => {
        const tooltip = place.function ?? "Open the line";
        return Object.assign(new vscode.TerminalLink(place.start, place.length, tooltip), place);
      });
    },
    async handleTerminalLink({ line, column, uri }: vscode.TerminalLink & LinePlace) {
      const at = new vscode.Position(line, column);
      const selection = new vscode.Range(at, at);
      await vscode.window.showTextDocument(vscode.Uri.parse(uri), { selection });
    },
  });
}
