/**
 * Documents that the server hears of: sources, because a deploy warns about changes that are not
 * saved, and the files that decide a deploy, because it helps with editing them.
 */

import type { TextDocumentFilter } from "vscode-languageclient/node";

/** As the server has them where it looks for sources that are newer than the firmware. */
const SOURCES = "c,cc,cpp,cxx,h,hh,hpp,hxx,ino,s,S,rs,ld,x,py,toml";

/** Files that the server helps with. */
const HELPED = [
  "**/platformio.ini",
  "**/*partition*.csv",
  "**/sdkconfig",
  "**/sdkconfig.{defaults,ci,old}*",
];

const BUILD_FILES = "**/{CMakeLists.txt,Kconfig,Kconfig.projbuild,idf_component.yml}";

export const documentSelector: TextDocumentFilter[] = [
  `**/*.{${SOURCES}}`,
  ...HELPED,
  BUILD_FILES,
].map((pattern) => ({ scheme: "file", pattern }));
