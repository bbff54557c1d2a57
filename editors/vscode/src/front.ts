/** Asks the server in which project the document in front is. */

import * as vscode from "vscode";

import type { Model } from "./model.ts";
import type { Targets } from "./protocol.ts";
import { Command } from "./protocol.ts";
import type { Server } from "./server/connection.ts";

/** Keeps `front` of the facts as it is, whatever changes. */
export function followFront(model: Model, server: Server): { dispose(): void } {
  let asked = {};
  return model.follow(({ document, targets, health }) => {
    const now = { document, targets, isReady: health.kind === "ready" };
    if (JSON.stringify(now) === JSON.stringify(asked)) return;
    asked = now;
    if (document === undefined) {
      // Nobody draws this before what it is drawn from.
      if (model.facts.front) model.update((facts) => ({ ...facts, front: undefined }));
    } else if (now.isReady && targets) {
      void ask(document);
    }
  });

  async function ask(document: string): Promise<void> {
    const uri = vscode.Uri.file(document).toString();
    const found = await server.run<Targets>(Command.targets, { uri }).catch(() => undefined);
    if (model.facts.document !== document || !found) return;
    model.update((facts) => ({ ...facts, front: found.selected[0] }));
  }
}
