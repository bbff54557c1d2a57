/** A failure as one message, with buttons that do something. */

import * as vscode from "vscode";

import { choosePortAgain, chooseTarget } from "../commands/choose.ts";
import { shown } from "../commands/shown.ts";
import type { Desk } from "../desk.ts";
import type { Button, DeployArguments } from "../protocol.ts";
import * as say from "../say.ts";
import { next } from "../view/facts.ts";
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

/** Says what a deploy of another session left behind, once, before anything is done in this one. */
export function tellUnfinished(desk: Desk): { dispose(): void } {
  let isOver = false;
  return desk.model.follow((facts) => {
    isOver ||= facts.running.length > 0 || facts.latest !== undefined;
    const { unfinished } = next(facts);
    if (isOver || !unfinished) return;
    isOver = true;
    const { sentence, buttons } = unfinished;
    void say.warning(sentence, ...buttons.map(({ title }) => title)).then((clicked) => {
      const button = buttons.find(({ title }) => title === clicked);
      return button && press(desk, button);
    });
  });
}

async function press(desk: Desk, { command, arguments: given, choose }: Button): Promise<void> {
  if (choose === "target" && !(await chooseTarget(desk))) return;
  const port = choose === "port" ? await choosePortAgain(desk) : "";
  if (port === undefined) return;
  const argument = { ...(given[0] as DeployArguments), ...(port && { port }) };
  if (command in shown) await shown[command]?.(desk, argument);
  else if (command.startsWith("fbuild.server.")) await desk.server.run(command, argument);
  else await vscode.commands.executeCommand(OWN[command] ?? command, ...given);
}
