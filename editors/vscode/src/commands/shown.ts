/** Commands that others name, and those of VS Code that show them, whoever runs them. */

import { Command } from "../protocol.ts";

export const shown: Partial<Record<string, string>> = {
  [Command.deploy]: "fbuild.deploy",
  [Command.verify]: "fbuild.verify",
  [Command.plan]: "fbuild.showPlan",
  [Command.build]: "fbuild.build",
  [Command.boardInfo]: "fbuild.boardInformation",
  [Command.eraseFlash]: "fbuild.eraseFlash",
  [Command.showCrash]: "fbuild.showCrash",
  "fbuild.manageTrust": "workbench.trust.manage",
};
