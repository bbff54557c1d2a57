/** Board Information and Erase Flash. */

import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import { root } from "../desk.ts";
import { buttons, message } from "../jobs/failureButtons.ts";
import type { Board, BoardInfo, Erased, Failure } from "../protocol.ts";
import { Command } from "../protocol.ts";
import * as say from "../say.ts";
import { shortPort, size } from "../view/words.ts";
import { choosePort } from "./choose.ts";

/** Shows who the board is; choosing a line copies it. */
export async function boardInformation(desk: Desk): Promise<BoardInfo> {
  const info = await desk.jobs.onBoard<BoardInfo>(
    "boardInfo",
    "Board information",
    Command.boardInfo,
    root(desk),
  );
  if (info.error) {
    void tell(desk, "Board information", info.error, () => boardInformation(desk));
  }
  if (info.board) void showBoard(info.board);
  return info;
}

async function showBoard(board: Board): Promise<void> {
  const line = (icon: string, label: string, description: string) => ({
    icon,
    label,
    description,
  });
  const { flash, security } = board;
  const items = [
    line("chip", "Chip", [board.chip.toUpperCase(), board.revision].filter(Boolean).join(" ")),
    line("tag", "MAC address", board.mac ?? "not told in Secure Download Mode"),
    line("database", "Flash", flash ? `${size(flash.size)} (JEDEC ${flash.jedec})` : "not told"),
    line("lock", "Secure boot", onOff(security.secureBoot)),
    line("lock", "Flash encryption", onOff(security.flashEncryption)),
    line("lock", "Secure Download Mode", onOff(security.secureDownload)),
  ];
  const title = `Board on ${shortPort(board.port)}`;
  const pick = await say.pick(items, {
    title,
    placeHolder: "Enter copies a line",
  });
  if (pick) await vscode.env.clipboard.writeText(pick.description);
}

function onOff(isOn: boolean): string {
  return isOn ? "on" : "off";
}

/** The server asks whether it is meant; nothing is erased without a yes. */
export async function eraseFlash(desk: Desk): Promise<Erased> {
  const erased = await desk.jobs.onBoard<Erased>(
    "eraseFlash",
    "Erase flash",
    Command.eraseFlash,
    root(desk),
  );
  if (erased.error) {
    void tell(desk, "Erase", erased.error, () => eraseFlash(desk));
  } else {
    // Whatever was deployed is not there any more.
    desk.model.update((facts) => ({ ...facts, latest: undefined }));
    say.done(erased.message);
  }
  return erased;
}

/** A failure, with what can be done about it. */
async function tell(
  desk: Desk,
  title: string,
  failure: Failure,
  again: () => Promise<unknown>,
): Promise<void> {
  const offered = buttons(failure).filter(
    (button) => button === "Retry" || button === "Choose Port" || button === "Show Log",
  );
  const button = await say.failure(message(title, failure), ...offered);
  if (button === "Retry") await again();
  if (button === "Choose Port" && (await choosePort(desk)) !== undefined) await again();
  if (button === "Show Log") desk.log.show(true);
}
