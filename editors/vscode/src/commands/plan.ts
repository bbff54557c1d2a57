/** Show Plan: what a deploy would write, on a page that is not a file, with the deploy in its first line. */

import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import type { DeployArguments, Outcome, Text } from "../protocol.ts";

const SCHEME = "fbuild-plan";

export class PlanPages implements vscode.TextDocumentContentProvider, vscode.CodeLensProvider {
  private readonly pages = new Map<string, Text>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly lensesChanged = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;
  readonly onDidChangeCodeLenses = this.lensesChanged.event;

  register(): vscode.Disposable {
    return vscode.Disposable.from(
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.languages.registerCodeLensProvider({ scheme: SCHEME }, this),
    );
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    const lines = this.pages.get(uri.toString())?.lines;
    return lines ? `${lines.join("\n")}\n` : "Run fbuild: Show Plan again.";
  }

  provideCodeLenses({ uri }: vscode.TextDocument): vscode.CodeLens[] {
    const buttons = this.pages.get(uri.toString())?.buttons ?? [];
    const top = new vscode.Range(0, 0, 0, 0);
    return buttons.map((button) => new vscode.CodeLens(top, button));
  }

  /** Shows a plan; a later one for the same target takes its place. */
  async show({ target, text }: Outcome): Promise<void> {
    const name = `Plan for ${target.replaceAll("/", " ")}`;
    const uri = vscode.Uri.from({ scheme: SCHEME, path: name });
    this.pages.set(uri.toString(), text);
    this.changed.fire(uri);
    this.lensesChanged.fire();
    const page = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(page, { preview: true });
  }
}

export async function showPlan(desk: Desk, given: DeployArguments): Promise<Outcome> {
  const outcome = await desk.jobs.deploy("plan", given);
  if (outcome.outcome === "planned") await desk.pages.show(outcome);
  return outcome;
}
