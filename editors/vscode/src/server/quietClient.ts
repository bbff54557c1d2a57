/**
 * A language client that writes what is wrong with its connection to the log only. This extension
 * tells of a server that ended itself, once, and with something to do about it.
 */

import { LanguageClient } from "vscode-languageclient/node";

export class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}
