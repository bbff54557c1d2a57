import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";

import { type Known, offerToAgents, PROVIDER } from "../../src/agents.ts";

const never = () => ({ dispose: () => undefined });

class Definition {
  readonly words: unknown[];
  constructor(...words: unknown[]) {
    this.words = words;
  }
}

function offered(known: Known): unknown[] {
  let found: unknown[] = [];
  const lm = {
    registerMcpServerDefinitionProvider(
      id: string,
      provider: { provideMcpServerDefinitions(): object[] },
    ) {
      assert.equal(id, PROVIDER);
      const servers = provider.provideMcpServerDefinitions() as Definition[];
      found = servers.map(({ words }) => words);
      return never();
    },
  };
  assert.ok(offerToAgents({ lm, McpStdioServerDefinition: Definition }, () => known, never));
  return found;
}

test("agents get a server for each folder, which builds only in trusted ones", () => {
  const folders = [{ name: "blink", path: "/home/me/blink" }];
  const known = { file: "/opt/fbuild-lsp", folders, isTrusted: true };
  const words = ["mcp", "/home/me/blink"];
  const expected = (args: string[]) => [["fbuild: blink", "/opt/fbuild-lsp", args]];
  assert.deepEqual(offered(known), expected([...words, "--trust"]));
  assert.deepEqual(offered({ ...known, isTrusted: false }), expected(words));
  assert.deepEqual(offered({ ...known, file: undefined }), []);
});

test("a VS Code without agents is left alone", () => {
  const known = () => assert.fail("nobody asks");
  assert.equal(offerToAgents({}, known, never), undefined);
  assert.equal(offerToAgents({ McpStdioServerDefinition: Definition }, known, never), undefined);
});

test("the manifest announces what is registered", () => {
  const manifest = JSON.parse(
    fs.readFileSync(path.resolve(import.meta.dirname, "../../package.json"), "utf8"),
  ) as { contributes: { mcpServerDefinitionProviders: { id: string }[] } };
  const announced = manifest.contributes.mcpServerDefinitionProviders.map(({ id }) => id);
  assert.deepEqual(announced, [PROVIDER]);
});
