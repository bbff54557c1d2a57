/**
 * Makes dist/fbuild-lsp-TARGET.vsix: the extension, the server for one system, and the example for
 * the simulated board.
 *
 *   node scripts/package.ts            for this machine; builds the server with cargo
 *   node scripts/package.ts TARGET     for another one; Rust needs to have its tool chain
 *   node scripts/package.ts --list     the targets, one a line
 *
 * FBUILD_LSP_PATH names a server that is built already, FBUILD_REPOSITORY the address of the repository
 * for the extension's page.
 */

import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { bundled, crates, notices } from "./notices.ts";
import type { Target } from "./targets.ts";
import { here, targets } from "./targets.ts";

const extension = path.dirname(import.meta.dirname);
const repository = path.resolve(extension, "../..");
const address = process.env["FBUILD_REPOSITORY"];
const manifest = JSON.parse(fs.readFileSync(path.join(extension, "package.json"), "utf8")) as {
  version: string;
};
/** What goes into the .vsix is here; nothing else is. */
const staging = path.join(extension, ".package");

const SHIPPED = [
  "package.json",
  "README.md",
  "dist/extension.cjs",
  "images",
  "language-configuration.json",
  "syntaxes",
  "walkthrough",
];

function main(argument: string | undefined): void {
  if (argument === "--list") {
    for (const { vscode, rust } of targets) console.log(`${vscode}\t${rust}`);
    return;
  }
  const target =
    argument === undefined ? here() : targets.find(({ vscode }) => vscode === argument);
  if (!target) {
    const known = targets.map(({ vscode }) => vscode).join(", ");
    throw new Error(`no such target: ${argument ?? process.platform}; known: ${known}`);
  }
  run("node", ["scripts/build.ts"]);
  stage(target);
  const vsix = path.join(extension, `dist/fbuild-lsp-${target.vscode}.vsix`);
  const vsce = path.join(extension, "node_modules/@vscode/vsce/vsce");
  // Everything is bundled.
  const flags = ["--no-dependencies", ...(address ? links(address) : LINKS_INSIDE)];
  run("node", [vsce, "package", "--target", target.vscode, "-o", vsix, ...flags], staging);
  console.log(vsix);
}

/** Of an extension without an address the pictures are inside. */
const LINKS_INSIDE = ["--allow-missing-repository", "--no-rewrite-relative-links"];

/** On a page in a marketplace nothing is beside it: pictures and links are those of the release's tag. */
function links(address: string): string[] {
  const at = (what: string) => `${address}/${what}/v${manifest.version}/editors/vscode`;
  return ["--baseContentUrl", at("blob"), "--baseImagesUrl", at("raw")];
}

function stage(target: Target): void {
  fs.rmSync(staging, { recursive: true, force: true });
  fs.mkdirSync(path.join(staging, "server"), { recursive: true });
  for (const name of SHIPPED) {
    fs.cpSync(path.join(extension, name), path.join(staging, name), { recursive: true });
  }
  if (address) {
    const named = { type: "git", url: address, directory: "editors/vscode" };
    const text = JSON.stringify({ ...manifest, repository: named });
    fs.writeFileSync(path.join(staging, "package.json"), text);
  }
  fs.copyFileSync(path.join(repository, "CHANGELOG.md"), path.join(staging, "CHANGELOG.md"));
  const licences = ["LICENSE-MIT", "LICENSE-APACHE"].map((name) =>
    fs.readFileSync(path.join(repository, name), "utf8"),
  );
  const choice = "MIT or Apache-2.0, at your option.";
  fs.writeFileSync(path.join(staging, "LICENSE.txt"), [choice, ...licences].join("\n\n"));
  const inputs = fs.readFileSync(path.join(extension, "dist/inputs.json"), "utf8");
  const parts = [...bundled(JSON.parse(inputs) as string[]), ...crates(repository, target.rust)];
  fs.writeFileSync(path.join(staging, "ThirdPartyNotices.txt"), notices(parts));
  fs.writeFileSync(path.join(staging, ".vscodeignore"), "");
  const exe = path.join(staging, "server", target.exe);
  fs.copyFileSync(server(target), exe);
  fs.chmodSync(exe, 0o755);
  example(path.join(staging, "demo"));
}

/** The path of a server for a target, built now unless it was named. */
function server(target: Target): string {
  const named = process.env["FBUILD_LSP_PATH"];
  if (named) return named;
  const isHere = target === here();
  const cross = isHere ? [] : ["--target", target.rust];
  run("cargo", ["build", "--release", "--locked", "-p", "fbuild-lsp", ...cross], repository);
  const out = process.env["CARGO_TARGET_DIR"] ?? path.join(repository, "target");
  return path.join(out, isHere ? "" : target.rust, "release", target.exe);
}

/** The example project with two greetings, so that a second deploy has something to write. */
function example(folder: string): void {
  const make = path.join(repository, "tests/example/make.py");
  for (const greeting of ["hello", "goodbye"]) {
    const out = path.join(folder, greeting, "build");
    run("python3", [make, "--greeting", greeting, "--out", out]);
  }
}

function run(program: string, args: string[], folder = extension): void {
  execFileSync(program, args, { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
}

main(process.argv[2]);
