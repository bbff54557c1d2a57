/** Print Debug Information: what a bug report should contain, in a page to copy from. */

import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import { Command } from "../protocol.ts";

export async function printDebugInformation(desk: Desk): Promise<void> {
  const { packageJSON } = desk.context.extension as { packageJSON: { version: string } };
  const information = {
    extension: packageJSON.version,
    vscode: vscode.version,
    app: vscode.env.appName,
    remote: vscode.env.remoteName ?? null,
    health: desk.model.facts.health,
    serverLookedFor: desk.server.tried,
    server: await desk.server
      .run<unknown>(Command.debugInfo, {})
      .catch((error: unknown) => String(error)),
  };
  const page = await vscode.workspace.openTextDocument({
    language: "json",
    content: `${JSON.stringify(information, undefined, 2)}\n`,
  });
  await vscode.window.showTextDocument(page);
}
