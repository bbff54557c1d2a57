/**
 * Tells the server that a document is as it is on disk again: after an undo or a revert, too. The
 * language client only tells of saves, and the server would warn of changes that are not there.
 */

import * as vscode from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { DidSaveTextDocumentNotification } from "vscode-languageclient/node";

import { known } from "./documents.ts";

export function followCleanDocuments(client: LanguageClient): vscode.Disposable {
  return vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
    // An event without changes is one of the document's state.
    if (contentChanges.length > 0 || document.isDirty) return;
    if (!client.isRunning() || !isKnown(document)) return;
    const textDocument = client.code2ProtocolConverter.asTextDocumentIdentifier(document);
    void client.sendNotification(DidSaveTextDocumentNotification.type, { textDocument });
  });
}

function isKnown(document: vscode.TextDocument): boolean {
  return known.some(
    ({ pattern }) =>
      typeof pattern === "string" &&
      vscode.languages.match({ scheme: "file", pattern }, document) > 0,
  );
}
