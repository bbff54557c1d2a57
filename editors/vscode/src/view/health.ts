/** How the server is, in the language status menu ({}) of the files that it knows. */

import * as vscode from "vscode";

import type { Model } from "../model.ts";
import { known } from "../server/documents.ts";
import type { Health } from "./facts.ts";
import { label, message } from "./plain.ts";

export function healthItem(model: Model): vscode.Disposable {
  const item = vscode.languages.createLanguageStatusItem("fbuild.health", known);
  item.name = "fbuild";
  let shown: Health | undefined;
  const following = model.follow(({ health }) => {
    if (health !== shown) show(item, health);
    shown = health;
  });
  return vscode.Disposable.from(item, following);
}

const { Information, Warning, Error: Severe } = vscode.LanguageStatusSeverity;
const KINDS = {
  starting: { text: "fbuild-lsp starts", severity: Information },
  restarting: { text: "fbuild-lsp starts again", severity: Warning },
  stopped: { text: "fbuild-lsp is not running", severity: Severe },
};

function show(item: vscode.LanguageStatusItem, health: Health): void {
  const isReady = health.kind === "ready";
  const { text, severity } = isReady
    ? { text: `fbuild-lsp ${health.version}`, severity: Information }
    : KINDS[health.kind];
  item.text = label(text);
  item.severity = severity;
  item.busy = health.kind === "starting" || health.kind === "restarting";
  item.detail = message(isReady ? `from ${health.from}` : health.why);
  item.command = isReady
    ? { title: "Show Log", command: "fbuild.showLog" }
    : { title: "Restart Server", command: "fbuild.restartServer" };
}
