/** What a deploy task prints. The problem matcher `$fbuild` reads the line about a file. */

import type { DeployArguments, Failure, Outcome, Target } from "../protocol.ts";

/** A task as it stands in tasks.json. */
export interface Definition extends DeployArguments {
  type: string;
  command?: "deploy" | "verify";
}

/** The arguments of the server's command. */
export function argumentsOf(definition: Definition): DeployArguments {
  const given: Partial<Definition> = { ...definition };
  delete given.type;
  delete given.command;
  return given;
}

/** Whether a step is worth a line: a new phase or region, not a new percentage. */
export class Steps {
  private last = "";

  line(step: string): string | undefined {
    const words = step.replace(/,? \d+ (%|of \d+).*$/, "");
    if (words === this.last) return undefined;
    this.last = words;
    return words;
  }
}

/** How it ended. `foundIn`: the file that describes the target, relative to the folder. */
export function ending(outcome: Outcome, foundIn: string | undefined): string[] {
  const lines = outcome.warnings.map((text) => `warning: ${text}`);
  const { error } = outcome;
  if (!error) return [...lines, outcome.message];
  if (error.isInput && foundIn) lines.push(problemLine(foundIn, error));
  lines.push(outcome.message);
  return [...lines, ...[error.boardState, error.remedy].filter((text) => text !== null)];
}

/** One line that the problem matcher takes apart. */
export function problemLine(file: string, { message, code }: Failure): string {
  return `error: ${file}: ${message.replaceAll("\n", " ")} [${code}]`;
}

/** The file that describes the target of an outcome, or the only one there is. */
export function describedBy(outcome: Outcome, targets: readonly Target[]): string | undefined {
  const named = targets.find((target) => target.name === outcome.target);
  return (named ?? (targets.length === 1 ? targets[0] : undefined))?.foundIn;
}
