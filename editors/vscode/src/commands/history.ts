/** Deploy History: what went onto which board, and again if that is wanted. */

import * as path from "node:path";
import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import type { History, PastDeploy } from "../protocol.ts";
import { Command } from "../protocol.ts";
import * as say from "../say.ts";
import { ago, shortPort } from "../view/words.ts";

interface Item extends say.Choice {
  deploy?: PastDeploy;
  port?: string;
}

const AGAIN: vscode.QuickInputButton = {
  iconPath: new vscode.ThemeIcon("zap"),
  tooltip: "Deploy this target to this board",
};

export async function deployHistory(desk: Desk): Promise<void> {
  const { boards } = await desk.server.run<History>(Command.history, {});
  const items = boards.flatMap((board): Item[] => {
    const name = [board.chip?.toUpperCase(), board.mac].filter(Boolean).join(" ");
    const label = [name, shortPort(board.port)].filter(Boolean).join(" · ");
    return [
      { label, kind: vscode.QuickPickItemKind.Separator },
      ...board.deploys.map((deploy) => item(deploy, board.port)),
    ];
  });
  if (items.length === 0) items.push({ label: "Nothing was deployed yet" });
  const picker = say.picker<Item>(items);
  picker.title = "Deploy history";
  picker.placeholder = "Enter copies a line";
  picker.matchOnDescription = picker.matchOnDetail = true;
  picker.onDidTriggerItemButton(({ item: { deploy, port } }) => {
    picker.hide();
    if (!deploy || port === undefined) return;
    void desk.jobs.deploy("deploy", { target: deploy.target, root: deploy.root, port });
  });
  picker.onDidAccept(() => {
    const [chosen] = picker.selectedItems;
    picker.hide();
    if (chosen?.deploy) void vscode.env.clipboard.writeText(chosen.deploy.message);
  });
  picker.onDidHide(() => {
    picker.dispose();
  });
  picker.show();
}

function item(deploy: PastDeploy, port: string): Item {
  return {
    icon: icon(deploy),
    label: short(deploy.message),
    description: ago(deploy.whenMs, Date.now()),
    detail: `${deploy.target} in ${path.basename(deploy.root)}`,
    buttons: [AGAIN],
    deploy,
    port,
  };
}

/** What was done, without the words that stand in every line. */
function short(message: string): string {
  return message.replace(/^deploy (?:succeeded \((.*)\)|(.*))$/, "$1$2");
}

function icon({ outcome }: PastDeploy): string {
  switch (outcome) {
    case "failed":
      return "error";
    case "cancelled":
      return "circle-slash";
    case "verifySkip":
    case "selectiveFlash":
    case "fullFlash":
    case "planned":
      return "check";
  }
}
