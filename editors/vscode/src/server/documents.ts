/** Documents that the server hears of, and those that it is told of with a deploy. */

import * as vscode from "vscode";

const files = (pattern: string) => ({ scheme: "file", pattern });

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

/** Saves what a firmware is made of, unless the person does not want that. */
export async function save(): Promise<void> {
  if (!vscode.workspace.getConfiguration("fbuild").get<boolean>("saveFiles", true)) return;
  // One that cannot be saved is warned of.
  await Promise.all(dirty().map(async (document) => document.save()));
}

/**
 * Files that differ from what is in their editors, of those that a firmware is made of: a deploy warns
 * of them. The server could only tell from edits and saves, and would miss what an undo took back.
 */
export function unsaved(): string[] {
  return dirty().map(({ uri }) => uri.toString());
}

function dirty(): vscode.TextDocument[] {
  return vscode.workspace.textDocuments
    .filter((document) => document.isDirty)
    .filter((document) => vscode.languages.match(known, document) > 0);
}
