/** A failure as one message, with buttons that do something. */

import * as vscode from "vscode";

import { choosePort, chooseTarget } from "../commands/choose.ts";
import type { Desk } from "../desk.ts";
import type { DeployArguments, Outcome } from "../protocol.ts";
import { Command } from "../protocol.ts";
import * as say from "../say.ts";
import type { Button } from "./failureButtons.ts";
import { buttons, message } from "./failureButtons.ts";
import type { DeployKind } from "./jobs.ts";

export async function showFailure(
  desk: Desk,
  title: string,
  { error, port }: Outcome,
  kind: DeployKind,
  given: DeployArguments,
): Promise<void> {
  if (!error) return;
  const text = message(title, error);
  const button = await say.failure(text, ...buttons(error, vscode.workspace.isTrusted));
  if (button) await act(desk, button, port, kind, given);
}

async function act(
  desk: Desk,
  button: Button,
  busyPort: string,
  kind: DeployKind,
  given: DeployArguments,
): Promise<void> {
  const { jobs } = desk;
  switch (button) {
    case "Retry":
      await jobs.deploy(kind, given);
      return;
    case "Choose Port": {
      const port = await choosePort(desk);
      if (port !== undefined) await jobs.deploy(kind, port ? { ...given, port } : given);
      return;
    }
    case "Choose Target":
      if (await chooseTarget(desk)) await jobs.deploy(kind, given);
      return;
    case "Deploy":
      await jobs.deploy("deploy", given);
      return;
    case "Deploy Full":
      await jobs.deploy("deploy", { ...given, mode: "full" });
      return;
    case "Deploy Anyway":
      await jobs.deploy(kind, { ...given, staleBuild: "ignore" });
      return;
    case "Cancel the Other":
      await desk.server.run(Command.cancel, { port: busyPort });
      return;
    case "Manage Trust":
      await vscode.commands.executeCommand("workbench.trust.manage");
      return;
    case "Restart Server":
      await desk.server.restart();
      return;
    case "Show Log":
      desk.log.show(true);
      return;
  }
}
