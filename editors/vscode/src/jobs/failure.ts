/** A failure as one message, with buttons that do something. */

import * as vscode from "vscode";

import { choosePort, chooseTarget } from "../commands/choose.ts";
import { shown } from "../commands/shown.ts";
import type { Desk } from "../desk.ts";
import type { Button, DeployArguments } from "../protocol.ts";
import * as say from "../say.ts";
import type { Told } from "./jobs.ts";

const SHOW_LOG: Button = { title: "Show Log", command: "fbuild.showLog", arguments: [] };

/** What is called otherwise here. */
const OWN: Partial<Record<string, string>> = { "fbuild.manageTrust": "workbench.trust.manage" };

export async function showFailure(desk: Desk, { sentence, buttons }: Told): Promise<void> {
  const offered = [...buttons, SHOW_LOG];
  const clicked = await say.failure(sentence, ...offered.map(({ title }) => title));
  const button = offered.find(({ title }) => title === clicked);
  if (button) await press(desk, button);
}

async function press(desk: Desk, { command, arguments: given, choose }: Button): Promise<void> {
  if (choose === "target" && !(await chooseTarget(desk))) return;
  const port = choose === "port" ? await choosePort(desk) : "";
  if (port === undefined) return;
  const argument = { ...(given[0] as DeployArguments), ...(port && { port }) };
  if (command in shown) await shown[command]?.(desk, argument);
  else if (command.startsWith("fbuild.server.")) await desk.server.run(command, argument);
  else await vscode.commands.executeCommand(OWN[command] ?? command, ...given);
}
