/** The licences of the packages that a bundle contains, as those licences ask for. */

import * as fs from "node:fs";
import * as path from "node:path";
import type { Metafile } from "esbuild";

interface Package {
  name: string;
  version: string;
  license?: string;
}

export function notices(bundle: Metafile): string {
  const folders = new Set(Object.keys(bundle.inputs).map(packageOf).filter(isText));
  return (
    [...folders]
      .sort()
      .map(notice)
      .join(`\n\n${"-".repeat(80)}\n\n`) + "\n"
  );
}

/** `node_modules/a/node_modules/@b/c/lib/d.js` is of the package in `node_modules/a/node_modules/@b/c`. */
function packageOf(file: string): string | undefined {
  return /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];
}

function isText(text: string | undefined): text is string {
  return text !== undefined;
}

function notice(folder: string): string {
  const manifest = fs.readFileSync(path.join(folder, "package.json"), "utf8");
  const { name, version, license } = JSON.parse(manifest) as Package;
  const file = fs.readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${folder} has no licence to ship`);
  const text = fs.readFileSync(path.join(folder, file), "utf8").trim();
  return `${name} ${version} (${license ?? "see below"})\n\n${text}`;
}
