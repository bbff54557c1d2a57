/** Commands of the server that are shown like those of the palette, whoever runs them. */

import type { Desk } from "../desk.ts";
import type { DeployArguments } from "../protocol.ts";
import { Command } from "../protocol.ts";
import { boardInformation, eraseFlash } from "./board.ts";
import { showCrash } from "./monitor.ts";
import { showPlan } from "./plan.ts";

type Handler = (desk: Desk, given: DeployArguments) => Promise<unknown>;

export const shown: Partial<Record<string, Handler>> = {
  [Command.deploy]: (desk, given) => desk.jobs.deploy("deploy", given),
  [Command.verify]: (desk, given) => desk.jobs.deploy("verify", given),
  [Command.plan]: showPlan,
  [Command.build]: (desk, given) => desk.jobs.build(given),
  [Command.boardInfo]: boardInformation,
  [Command.eraseFlash]: eraseFlash,
  [Command.showCrash]: showCrash,
};
