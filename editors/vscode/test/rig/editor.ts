/** The editors that the tests of a file share: started when they are first needed. */

import { after } from "node:test";
import type { Browser } from "playwright-core";

import { openBrowser } from "./browser.ts";
import type { Options } from "./codeServer.ts";
import { CodeServer } from "./codeServer.ts";
import type { Project } from "./project.ts";
import { Window } from "./window.ts";

let browser: Promise<Browser> | undefined;
const servers = new Map<string, Promise<CodeServer>>();

after(async () => {
  await (await browser)?.close();
  for (const server of servers.values()) await (await server).stop();
});

/** The packaged extension for this machine. */
function vsix(): string {
  const file = process.env["FBUILD_VSIX"];
  if (!file) throw new Error("FBUILD_VSIX is not set: run tests/vscode");
  return file;
}

/** The browser, for tests that do without a window of their own. */
export function theBrowser(): Promise<Browser> {
  return (browser ??= openBrowser());
}

/** A window of an editor that has the extension; editors with the same options are one. */
export async function open(what: string, options: Options = {}): Promise<Window> {
  const key = JSON.stringify(options);
  const server = servers.get(key) ?? CodeServer.start({ vsix: vsix(), ...options });
  servers.set(key, server);
  return Window.open(await theBrowser(), (await server).url, what);
}

/** A window with a project's source in front; the status bar has its target. */
export async function openSource({ path }: Project): Promise<Window> {
  const window = await open(path);
  await window.says("espidf:build");
  await window.openFile("main.c");
  return window;
}
