/**
 * ThirdPartyNotices.txt: what is in a package that others wrote, and the licences that come with it, as
 * they ask for. Taken from the packages themselves.
 */

import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

/** A package of npm or a crate. */
export interface Part {
  name: string;
  version: string;
  /** As it names its licence. */
  licence: string;
  folder: string;
}

/** What Cargo says of a crate. */
interface Crate {
  id: string;
  name: string;
  version: string;
  license: string | null;
  source: string | null;
  manifest_path: string;
}

interface Metadata {
  packages: Crate[];
  resolve: {
    nodes: { id: string; deps: { pkg: string; dep_kinds: { kind: string | null }[] }[] }[];
  };
}

/**
 * What espflash's crate has inside that is not its own. Sources: its `resources/README.md`, and the
 * licences that the projects named there give.
 */
const INSIDE_ESPFLASH = `The crate espflash contains programs for the chips, made by Espressif Systems:
- flasher stubs, which this program sends to boards: esp-flasher-stub 1.4.1
  (https://github.com/espressif/esp-flasher-stub), Apache-2.0 or MIT
- boot loaders, for firmware that is an ELF file: ESP-IDF (https://github.com/espressif/esp-idf), Apache-2.0`;

const LINE = "-".repeat(80);

/** Every part by name, then every text once, with the parts that carry it. */
export function notices(parts: Part[]): string {
  const carriers = new Map<string, string[]>();
  const list = parts.map((part) => {
    const { name, version, licence } = part;
    const texts = licenceTexts(part.folder);
    for (const text of texts) carriers.set(text, [...(carriers.get(text) ?? []), name]);
    const bare = texts.length === 0 ? " - no text in its package" : "";
    return `${name} ${version} (${licence})${bare}`;
  });
  const texts = [...carriers].map(([text, names]) => `${names.join(", ")}:\n\n${text}`);
  return [list.join("\n"), INSIDE_ESPFLASH, ...texts].join(`\n\n${LINE}\n\n`) + "\n";
}

function licenceTexts(folder: string): string[] {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .filter(
      (file) =>
        file.isFile() && /^(licen[cs]e|copying|copyright|notice|unlicen[cs]e)/i.test(file.name),
    )
    .map(({ name }) =>
      fs.readFileSync(path.join(folder, name), "utf8").replaceAll("\r", "").trim(),
    );
}

/** The packages that a bundle is made of: `node_modules/a/node_modules/@b/c/lib/d.js` is of `@b/c`. */
export function bundled(files: string[]): Part[] {
  const folders = new Set<string>();
  for (const file of files) {
    const folder = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];
    if (folder !== undefined) folders.add(folder);
  }
  return [...folders].sort().map((folder) => {
    const manifest = fs.readFileSync(path.join(folder, "package.json"), "utf8");
    const { name, version, license } = JSON.parse(manifest) as Record<string, string>;
    return {
      name: name ?? folder,
      version: version ?? "",
      licence: license ?? "see below",
      folder,
    };
  });
}

/** The crates that a server for this Rust target is made of; our own are not among them. */
export function crates(repository: string, rust: string): Part[] {
  const args = ["metadata", "--format-version=1", "--locked", "--filter-platform", rust];
  const options = { cwd: repository, encoding: "utf8", maxBuffer: 1 << 28 } as const;
  const { packages, resolve } = JSON.parse(execFileSync("cargo", args, options)) as Metadata;
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const wanted = new Set<string>();
  const add = (id: string) => {
    if (wanted.has(id)) return;
    wanted.add(id);
    for (const { pkg, dep_kinds } of nodes.get(id)?.deps ?? []) {
      if (dep_kinds.some(({ kind }) => kind === null)) add(pkg);
    }
  };
  for (const { id, name } of packages) if (name === "fbuild-lsp") add(id);
  return packages
    .filter(({ id, source }) => source !== null && wanted.has(id))
    .map(({ name, version, license, manifest_path }) => ({
      name,
      version,
      licence: license ?? "see below",
      folder: path.dirname(manifest_path),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
