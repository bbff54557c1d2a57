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

export function showFailure(desk: Desk, { sentence, buttons }: Told): Promise<void> {
  return offer(desk, say.failure, sentence, [...buttons, SHOW_LOG]);
}

/** Says what a deploy of another session left behind, once, before anything is done in this one. */
export function tellUnfinished(desk: Desk): { dispose(): void } {
  let isOver = false;
  return desk.model.follow((facts) => {
    isOver ||= facts.running.length > 0 || facts.latest !== undefined;
    const { unfinished } = next(facts);
    if (isOver || !unfinished) return;
    isOver = true;
    void offer(desk, say.warning, unfinished.sentence, unfinished.buttons);
  });
}

async function offer(
  desk: Desk,
  tell: typeof say.failure,
  sentence: string,
  buttons: Button[],
): Promise<void> {
  const clicked = await tell(sentence, ...buttons.map(({ title }) => title));
  const button = buttons.find(({ title }) => title === clicked);
  if (button) await press(desk, button);
}

async function press(desk: Desk, { command, arguments: given, choose }: Button): Promise<void> {
  if (choose === "target" && !(await chooseTarget(desk))) return;
  const port = choose === "port" ? await choosePortAgain(desk) : "";
  if (port === undefined) return;
  const argument = { ...(given[0] as DeployArguments), ...(port && { port }) };
  const own = shown[command];
  if (own !== undefined) await vscode.commands.executeCommand(own, argument);
  else if (command.startsWith("fbuild.server.")) await desk.server.run(command, argument);
  else await vscode.commands.executeCommand(command, ...given);
}
