/** Board Information and Erase Flash. */

import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import { root } from "../desk.ts";
import type { BoardInfo, DeployArguments, Ended } from "../protocol.ts";
import { Command } from "../protocol.ts";
import * as say from "../say.ts";

const ICONS: Partial<Record<string, string>> = {
  Chip: "chip",
  "MAC address": "tag",
  Flash: "database",
};

/** Shows who the board is; choosing a line copies it. */
export async function boardInformation(desk: Desk, given: DeployArguments): Promise<BoardInfo> {
  const args = { ...root(desk), ...given };
  const title = "Board information";
  const info = await desk.jobs.work<BoardInfo>("boardInfo", title, Command.boardInfo, args);
  if (info.error) desk.jobs.showFailure(info.text);
  if (info.facts) void showBoard(info.facts);
  return info;
}

async function showBoard(facts: NonNullable<BoardInfo["facts"]>): Promise<void> {
  const items = facts.map(({ name, value }) => ({
    icon: ICONS[name] ?? "lock",
    label: name,
    description: value,
  }));
  const options = { title: "Board information", placeHolder: "Enter copies a line" };
  const pick = await say.pick(items, options);
  if (pick) await vscode.env.clipboard.writeText(pick.description);
}

/** The server asks whether it is meant; nothing is erased without a yes. */
export async function eraseFlash(desk: Desk, given: DeployArguments): Promise<Ended> {
  const args = { ...root(desk), ...given };
  const title = "Erase flash";
  const erased = await desk.jobs.work<Ended>("eraseFlash", title, Command.eraseFlash, args);
  if (erased.error) {
    desk.jobs.showFailure(erased.text);
  } else {
    // Whatever was deployed is not there any more.
    desk.model.update((facts) => ({ ...facts, latest: undefined }));
    say.done(erased.text.short);
  }
  return erased;
}
