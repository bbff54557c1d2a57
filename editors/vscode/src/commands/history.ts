/** Deploy History: what went onto which board, and again if that is wanted. */

import * as path from "node:path";
import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import type { History, PastDeploy } from "../protocol.ts";
import { Command } from "../protocol.ts";
import * as say from "../say.ts";
import { pastIcon } from "../tree/nodes.ts";
import { ago } from "../view/ago.ts";

type Past = PastDeploy & { port: string };

type Item = say.Choice & { deploy?: Past };

const AGAIN: vscode.QuickInputButton = {
  iconPath: new vscode.ThemeIcon("zap"),
  tooltip: "Deploy this target to this board",
};

export async function deployHistory(desk: Desk): Promise<void> {
  const { boards } = await desk.server.run<History>(Command.history, {});
  const items = boards.flatMap(({ name, port, deploys }): Item[] => [
    { label: name, kind: vscode.QuickPickItemKind.Separator },
    ...deploys.map((deploy) => item({ ...deploy, port }, name)),
  ]);
  if (items.length === 0) items.push({ label: "Nothing has been deployed yet" });
  const picker = say.picker<Item>(items);
  picker.title = "Deploy history";
  picker.placeholder = "Enter: what can be done with it";
  picker.matchOnDescription = picker.matchOnDetail = true;
  picker.onDidTriggerItemButton(({ item: { deploy } }) => {
    picker.hide();
    if (deploy) void again(desk, deploy);
  });
  picker.onDidAccept(() => {
    const [chosen] = picker.selectedItems;
    picker.hide();
    if (chosen?.deploy) void offer(desk, chosen.deploy);
  });
  picker.onDidHide(() => {
    picker.dispose();
  });
  picker.show();
}

function again(desk: Desk, { target, root, port }: Past): Promise<unknown> {
  return desk.jobs.deploy("deploy", { target, root, port });
}

/** What a person may want of a deploy that is over. */
async function offer(desk: Desk, deploy: Past): Promise<void> {
  const { message, root, target, port } = deploy;
  const items = [
    {
      icon: "zap",
      label: "Deploy Again",
      description: `${target} to ${port}`,
      run: () => again(desk, deploy),
    },
    {
      icon: "folder",
      label: "Open Its Project",
      description: root,
      run: () => vscode.commands.executeCommand("vscode.openFolder", vscode.Uri.file(root), true),
    },
    {
      icon: "copy",
      label: "Copy",
      description: message,
      run: () => vscode.env.clipboard.writeText(message),
    },
  ];
  const pick = await say.pick(items, { title: deploy.short });
  await pick?.run();
}

function item(deploy: Past, name: string): Item {
  return {
    icon: pastIcon(deploy.outcome),
    label: deploy.short,
    description: ago(deploy.whenMs, Date.now()),
    detail: `${deploy.target} in ${path.basename(deploy.root)}, ${name}`,
    buttons: [AGAIN],
    deploy,
  };
}
