/** package.json, the code and the server's contract name the same things. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";

import { Command } from "../../src/protocol.ts";

const extension = path.resolve(import.meta.dirname, "../..");
const read = (...parts: string[]) => fs.readFileSync(path.join(extension, ...parts), "utf8");

interface Manifest {
  main: string;
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } };
  contributes: {
    commands: { command: string; title: string; shortTitle?: string; category: string }[];
    configuration: {
      properties: Record<
        string,
        { scope?: string; description?: string; markdownDescription?: string }
      >;
    }[];
    walkthroughs: { steps: { media: { markdown: string }; description: string }[] }[];
  };
}

const manifest = JSON.parse(read("package.json")) as Manifest;
const { commands, configuration, walkthroughs } = manifest.contributes;
const settings = Object.assign({}, ...configuration.map(({ properties }) => properties)) as Record<
  string,
  { scope?: string; description?: string; markdownDescription?: string }
>;
const contract = read("../../docs/protocol.md");

/** First cells of a table in the contract. */
function named(pattern: RegExp): string[] {
  return [...contract.matchAll(pattern)].map((match) => match[1] ?? "");
}

test("every setting of the server can be set", () => {
  const served = named(/^\| `(fbuild\.(?!server\.)[a-zA-Z.]+)` \|/gm);
  assert.ok(served.length >= 10, served.join());
  assert.deepEqual(
    served.filter((key) => !(key in settings)),
    [],
  );
});

test("every setting says what it is and where it may stand", () => {
  for (const [key, { scope, description, markdownDescription }] of Object.entries(settings)) {
    assert.ok(scope, key);
    assert.ok(description ?? markdownDescription, key);
  }
});

test("a workspace that is not trusted cannot name programs or ports", () => {
  const { restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces;
  for (const key of restrictedConfigurations) assert.ok(key in settings, key);
  const risky = Object.keys(settings).filter((key) =>
    /(\.path|\.port|Command|BeforeDeploy)$/i.test(key),
  );
  assert.deepEqual(risky.sort(), [...restrictedConfigurations].sort());
});

test("the server's commands are those of the contract", () => {
  const known = named(/^\| `(fbuild\.server\.[a-zA-Z.]+)` \|/gm);
  for (const command of Object.values(Command)) assert.ok(known.includes(command), command);
});

test("commands are named and used alike everywhere", () => {
  const contributed = new Set(commands.map(({ command }) => command));
  assert.ok(commands.every(({ category }) => category === "fbuild"));
  const used = [
    ...JSON.stringify(manifest).matchAll(/"command":"(fbuild\.[a-zA-Z]+)"/g),
    ...JSON.stringify(walkthroughs).matchAll(/command:(fbuild\.[a-zA-Z]+)/g),
    ...read("src/view/health.ts").matchAll(/"(fbuild\.[a-zA-Z]+Server|fbuild\.showLog)"/g),
  ].map((match) => match[1] ?? "");
  for (const command of used) assert.ok(contributed.has(command), command);
  const menu = [...read("src/commands/menu.ts").matchAll(/entry\("[a-z-]+", "([^"]+)", "(\w+)"/g)];
  assert.ok(menu.length > 10);
  for (const [, title, command] of menu) {
    const found = commands.find(
      (contribution) => contribution.command === `fbuild.${command ?? ""}`,
    );
    assert.equal(found?.shortTitle ?? found?.title, title);
  }
});

test("every step of the walkthrough has its page", () => {
  const [start] = walkthroughs;
  assert.equal(start?.steps.length, 4);
  for (const { media } of start.steps)
    assert.ok(fs.existsSync(path.join(extension, media.markdown)));
});

test("a Node that is too old is told so, and a new one is not", () => {
  const start = (version: string) => {
    const pretend = `Object.defineProperty(process.versions, "node", { value: "${version}" })`;
    const imports = [`data:text/javascript,${pretend}`, "./scripts/needs-node.mjs"];
    const options = imports.flatMap((name) => ["--import", name]);
    const { status, stderr } = spawnSync(process.execPath, [...options, "-e", ""], {
      cwd: extension,
      encoding: "utf8",
    });
    return { status, stderr };
  };
  const old = start("20.20.2");
  assert.equal(old.status, 1);
  assert.match(old.stderr, /^Node 22\.18 or newer is needed, .*; this is Node 20\.20\.2 at /);
  assert.equal(start("22.17.1").status, 1);
  for (const version of ["22.18.0", "24.0.0"]) {
    assert.deepEqual(start(version), { status: 0, stderr: "" });
  }
});
