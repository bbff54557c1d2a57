/** Show Plan: what a deploy would write, on a page that is not a file. */

import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import type { DeployArguments, Outcome } from "../protocol.ts";

const SCHEME = "fbuild-plan";

export class PlanPages implements vscode.TextDocumentContentProvider {
  private readonly pages = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;

  register(): vscode.Disposable {
    return vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.pages.get(uri.toString()) ?? "Run fbuild: Show Plan again.";
  }

  /** Shows a plan; a later one for the same target takes its place. */
  async show({ target, text }: Outcome): Promise<void> {
    const name = `Plan for ${target.replaceAll("/", " ")}`;
    const uri = vscode.Uri.from({ scheme: SCHEME, path: name });
    this.pages.set(uri.toString(), `${text.lines.join("\n")}\n`);
    this.changed.fire(uri);
    const page = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(page, { preview: true });
  }
}

export async function showPlan(desk: Desk, given: DeployArguments): Promise<Outcome> {
  const outcome = await desk.jobs.deploy("plan", given);
  if (outcome.outcome === "planned") await desk.pages.show(outcome);
  return outcome;
}
