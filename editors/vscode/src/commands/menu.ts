/** What a click on the status bar item offers. */

import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import * as say from "../say.ts";
import { next } from "../view/facts.ts";
import { isAsking } from "../view/statusText.ts";

type Item = say.Choice & { command?: string };

export async function showMenu({ model }: Desk): Promise<void> {
  const { facts } = model;
  const { target, port } = next(facts);
  const entry = (icon: string, label: string, command: string, description = ""): Item => ({
    icon,
    label,
    description,
    command: `fbuild.${command}`,
  });
  const group = (label: string): Item => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const job = facts.running.at(-1);
  const busy = entry("circle-slash", "Cancel Deploy", "cancelDeploy", job?.text.short);
  const question: Item = {
    icon: "question",
    label: "Show the Question",
    description: "a deploy waits for your answer",
    command: "notifications.showList",
  };
  const items: Item[] = [
    ...(isAsking(facts) ? [question] : []),
    ...(job ? [busy] : []),
    entry("zap", "Deploy", "deploy", "writes only what differs"),
    entry("flame", "Deploy (Full)", "deployFull", "writes everything"),
    entry("tools", "Build", "build", "what Deploy would build first"),
    entry("search", "Verify", "verify", "compares only"),
    entry("list-ordered", "Show Plan", "showPlan", "what a deploy would write"),
    group("Choice"),
    entry("target", "Select Target", "selectTarget", target ?? "nothing built"),
    entry("plug", "Select Port", "selectPort", port ?? "automatic"),
    entry("circuit-board", "Deploy and Choose Board", "deployToBoard"),
    entry("layers", "Deploy to Several Boards", "deployToBoards"),
    group("Board"),
    entry("pulse", "Monitor", "monitor", "what the board prints"),
    entry("info", "Board Information", "boardInformation"),
    entry("history", "Deploy History", "deployHistory"),
    entry("trash", "Erase Whole Flash", "eraseFlash"),
    group("Server"),
    entry("output", "Show Log", "showLog"),
    entry("refresh", "Restart Server", "restartServer"),
    entry("gear", "Open Settings", "openSettings"),
  ];
  const pick = await say.pick(items, { title: "fbuild" });
  if (pick?.command) await vscode.commands.executeCommand(pick.command);
}
