/** Deploy History: what went onto which board, and again if that is wanted. */

import * as path from "node:path";
import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import type { History, PastDeploy } from "../protocol.ts";
import { Command } from "../protocol.ts";
import * as say from "../say.ts";
import { ago } from "../view/ago.ts";

interface Item extends say.Choice {
  deploy?: PastDeploy & { port: string };
}

const AGAIN: vscode.QuickInputButton = {
  iconPath: new vscode.ThemeIcon("zap"),
  tooltip: "Deploy this target to this board",
};

export async function deployHistory(desk: Desk): Promise<void> {
  const { boards } = await desk.server.run<History>(Command.history, {});
  const items = boards.flatMap(({ name, port, deploys }): Item[] => [
    { label: name, kind: vscode.QuickPickItemKind.Separator },
    ...deploys.map((deploy) => item({ ...deploy, port })),
  ]);
  if (items.length === 0) items.push({ label: "Nothing has been deployed yet" });
  const picker = say.picker<Item>(items);
  picker.title = "Deploy history";
  picker.placeholder = "Enter copies a line";
  picker.matchOnDescription = picker.matchOnDetail = true;
  picker.onDidTriggerItemButton(({ item: { deploy } }) => {
    picker.hide();
    if (!deploy) return;
    const { target, root, port } = deploy;
    void desk.jobs.deploy("deploy", { target, root, port });
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

const ICONS: Partial<Record<string, string>> = { failed: "error", cancelled: "circle-slash" };

function item(deploy: Item["deploy"] & object): Item {
  return {
    icon: ICONS[deploy.outcome] ?? "check",
    label: deploy.short,
    description: ago(deploy.whenMs, Date.now()),
    detail: `${deploy.target} in ${path.basename(deploy.root)}`,
    buttons: [AGAIN],
    deploy,
  };
}
