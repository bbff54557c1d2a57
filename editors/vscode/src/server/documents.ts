/**
 * Documents that the server hears of: sources, because a deploy warns about changes that are not
 * saved, and the files that decide a deploy, because it helps with editing them.
 */

import type { TextDocumentFilter } from "vscode-languageclient/node";

const SOURCES = "c,h,cc,cpp,cxx,hh,hpp,hxx,s,S,ino,rs";

/** Files that the server helps with. */
const HELPED = [
  "**/platformio.ini",
  "**/*partition*.csv",
  "**/sdkconfig",
  "**/sdkconfig.{defaults,ci,old}*",
];

const BUILD_FILES = "**/{CMakeLists.txt,Kconfig,Kconfig.projbuild,idf_component.yml,Cargo.toml}";

export const documentSelector: TextDocumentFilter[] = [
  `**/*.{${SOURCES}}`,
  ...HELPED,
  BUILD_FILES,
].map((pattern) => ({ scheme: "file", pattern }));
