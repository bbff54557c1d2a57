/** What a deploy task prints. The problem matcher `$fbuild` reads the line about a file. */

import type { DeployArguments, Failure, Outcome, Target } from "../protocol.ts";

/** A task as it is in tasks.json. */
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

/** How it ended. `foundIn`: the file that describes the target, relative to the folder. */
export function ending({ error, text }: Outcome, foundIn: string | undefined): string[] {
  const problem = error?.isInput && foundIn ? [problemLine(foundIn, error)] : [];
  return [...problem, ...text.lines];
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
