/**
 * Documents that the server hears of.
 *
 * It helps with editing those that decide a deploy. Of the sources it only hears that they changed,
 * because a deploy warns about changes that are not saved; it must not become one of their
 * formatters. So the language client's selector has the former, and the latter are added to the four
 * features that tell of documents.
 */

import type { LanguageClient, StaticFeature, TextDocumentFilter } from "vscode-languageclient/node";
import {
  DidChangeTextDocumentNotification,
  DidCloseTextDocumentNotification,
  DidOpenTextDocumentNotification,
  DidSaveTextDocumentNotification,
  TextDocumentSyncKind,
} from "vscode-languageclient/node";

const files = (pattern: string): TextDocumentFilter => ({ scheme: "file", pattern });

/** What the server helps with. */
export const helped = [
  "**/*.csv",
  "**/*.ini",
  "**/sdkconfig",
  "**/sdkconfig.*",
  "**/flasher_args.json",
].map(files);

/**
 * What compilers and build tools read: as the server has it where it looks for sources that are
 * newer than the firmware. Nothing is in both lists.
 */
const sources = [
  "**/*.{c,cc,cpp,cxx,h,hh,hpp,hxx,ino,s,S,rs,ld,x,py,toml}",
  "**/{CMakeLists.txt,Kconfig,Kconfig.projbuild,idf_component.yml}",
].map(files);

/** All of them. */
export const known = [...helped, ...sources];

/** Tells the server of sources, too. */
export class Sources implements StaticFeature {
  private readonly client: LanguageClient;

  constructor(client: LanguageClient) {
    this.client = client;
  }

  /** After each start of the server. */
  initialize(): void {
    const registerOptions = { documentSelector: sources };
    const as = (id: string) => `fbuild.sources.${id}`;
    const { client } = this;
    client
      .getFeature(DidOpenTextDocumentNotification.method)
      .register({ id: as("open"), registerOptions });
    client.getFeature(DidChangeTextDocumentNotification.method).register({
      id: as("change"),
      registerOptions: { ...registerOptions, syncKind: TextDocumentSyncKind.Incremental },
    });
    client
      .getFeature(DidSaveTextDocumentNotification.method)
      .register({ id: as("save"), registerOptions });
    client
      .getFeature(DidCloseTextDocumentNotification.method)
      .register({ id: as("close"), registerOptions });
  }

  fillClientCapabilities(): void {
    // The language client has said all of it.
  }

  getState(): { kind: "static" } {
    return { kind: "static" };
  }

  clear(): void {
    // The four features forget their registrations by themselves.
  }
}
