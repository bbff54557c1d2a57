/** The palette's commands. Their titles and when they are offered are in package.json. */

import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import type { Told } from "../jobs/jobs.ts";
import { RESTART } from "../jobs/jobs.ts";
import type { DeployArguments } from "../protocol.ts";
import { Command } from "../protocol.ts";
import { NoServer } from "../server/connection.ts";
import { boardInformation, eraseFlash } from "./board.ts";
import { cancel } from "./cancel.ts";
import { choosePort, chooseTarget, pickPort, select } from "./choose.ts";
import { printDebugInformation } from "./debugInformation.ts";
import { trySimulatedBoard } from "./demo.ts";
import { deployHistory } from "./history.ts";
import { deployToBoards } from "./several.ts";
import { showMenu } from "./menu.ts";
import { showCrash, startMonitor } from "./monitor.ts";
import { showPlan } from "./plan.ts";

type Handler = (given?: DeployArguments) => unknown;

export function registerCommands(desk: Desk): vscode.Disposable {
  const { jobs, server, log } = desk;
  const handlers: Record<string, Handler> = {
    deploy: (given) => jobs.deploy("deploy", only(given)),
    deployFull: (given) => jobs.deploy("deploy", { ...only(given), mode: "full" }),
    deployToBoard: async (given) => {
      const port = await pickPort(desk, "Deploy to which board?");
      return port === undefined ? undefined : jobs.deploy("deploy", { ...only(given), port });
    },
    build: (given) => jobs.build(only(given)),
    verify: (given) => jobs.deploy("verify", only(given)),
    showPlan: (given) => showPlan(desk, only(given)),
    cancelDeploy: () => cancel(desk),
    monitor: (given) => startMonitor(desk, only(given)),
    showCrash: (given) => showCrash(desk, only(given)),
    deployToBoards: () => deployToBoards(desk),
    selectTarget: (given) => {
      const { target, root } = only(given);
      if (target === undefined) return chooseTarget(desk);
      return select(desk, Command.selectTarget, { root, target });
    },
    selectPort: (given) => choosePort(desk, only(given).port),
    boardInformation: (given) => boardInformation(desk, only(given)),
    eraseFlash: (given) => eraseFlash(desk, only(given)),
    openSettings: () => vscode.commands.executeCommand("workbench.action.openSettings", "fbuild."),
    deployHistory: () => deployHistory(desk),
    trySimulatedBoard: () => trySimulatedBoard(desk),
    showMenu: () => showMenu(desk),
    restartServer: () => server.restart(),
    showLog: () => {
      log.show(true);
    },
    printDebugInformation: () => printDebugInformation(desk),
  };
  const registered = Object.entries(handlers).map(([name, handler]) =>
    vscode.commands.registerCommand(`fbuild.${name}`, (given?: DeployArguments) =>
      guarded(desk, handler, given),
    ),
  );
  return vscode.Disposable.from(...registered);
}

/** Arguments that a key binding, another extension or the tree gave; other menus give other things. */
function only(given: unknown): DeployArguments {
  if (given === null || typeof given !== "object" || given instanceof vscode.Uri) return {};
  // An entry of the tree.
  return "argument" in given ? (given.argument as DeployArguments) : given;
}

/** Without a server a command says so, and what can be done. */
async function guarded(desk: Desk, handler: Handler, given?: DeployArguments): Promise<unknown> {
  try {
    return await handler(given);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const { health } = desk.model.facts;
    desk.log.error(why);
    const other = { sentence: `fbuild: ${why}`, buttons: [] };
    const lost = gone(health.kind === "stopped" ? health.why : why);
    desk.jobs.showFailure(error instanceof NoServer ? lost : other);
    return undefined;
  }
}

/** That there is no server, and what can be done. */
export function gone(why: string): Told {
  return { sentence: `fbuild: ${why}`, buttons: [RESTART, OPEN_SETTINGS] };
}

const OPEN_SETTINGS = {
  title: "Open Settings",
  command: "workbench.action.openSettings",
  arguments: ["fbuild.server.path"],
};
