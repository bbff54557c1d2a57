/** Everything the status bar is drawn from, and how news changes it. */

import type { Next, Outcome, Selection, Status, Targets } from "../protocol.ts";
import type { Folder } from "./folder.ts";
import { isBelow } from "./folder.ts";

export type Health =
  | { kind: "ready"; version: string; file: string; from: string }
  | { kind: "starting" | "restarting"; why: string }
  | { kind: "stopped"; why: string };

/** How a job ended. */
export interface Finished {
  outcome: Outcome;
  /** When it began: milliseconds since 1970. */
  startedMs: number;
  /** The folder that it was for, if one was meant. */
  folder: Folder | undefined;
}

export interface Facts {
  health: Health;
  targets: Targets | undefined;
  /** What is running, oldest first. */
  running: readonly Status[];
  /** The last deploy or verify, for as long as nothing newer is known. */
  latest: Finished | undefined;
  /** The folder whose project the commands are for. */
  folder: Folder | undefined;
  /** Whether there is more than one folder. */
  hasFolders: boolean;
  /** Settings of that folder. */
  setting: { target: string; port: string };
  showsProgress: boolean;
}

export const nothing: Facts = {
  health: { kind: "starting", why: "" },
  targets: undefined,
  running: [],
  latest: undefined,
  folder: undefined,
  hasFolders: false,
  setting: { target: "", port: "" },
  showsProgress: true,
};

/** What a deploy would take, in the folder that is meant or else in one that has something. */
export function next({ targets, folder }: Facts): Next {
  const selected = targets?.selected ?? [];
  const here = selected.find(({ root }) => root === folder?.path);
  const any = selected.find(({ next }) => next.target !== null) ?? selected[0];
  return (here ?? any)?.next ?? { target: null, port: null, short: "fbuild", detail: "" };
}

/** A job went on or ended. */
export function withStatus(facts: Facts, status: Status): Facts {
  const others = facts.running.filter((job) => job.job !== status.job);
  if (status.state !== "running") return { ...facts, running: others };
  const running = [...others, status].sort((a, b) => a.job - b.job);
  return { ...facts, running };
}

/** Targets came, went or were built. A result that this makes old is forgotten. */
export function withTargets(facts: Facts, targets: Targets): Facts {
  const { latest } = facts;
  const isOld = latest && isRebuilt(latest, targets);
  return { ...facts, targets, latest: isOld ? undefined : latest };
}

/**
 * Somebody chose a target or a board, and a result of the choice before is old. It is reported when the
 * choice is made: the server's own word of it may come after the deploy that it was made for.
 */
export function withChoice(facts: Facts, chosen: Selection): Facts {
  const { targets } = facts;
  if (!targets) return { ...facts, latest: undefined };
  const others = targets.selected.filter(({ root }) => root !== chosen.root);
  const selected = [...others, chosen];
  return { ...facts, targets: { ...targets, selected }, latest: undefined };
}

/** Whether it is about a firmware that was built again since. */
function isRebuilt({ outcome, folder, startedMs }: Finished, now: Targets): boolean {
  return now.targets.some(
    ({ name, root, builtMs }) =>
      name === outcome.target &&
      (!folder || isBelow(root, folder.path)) &&
      // News of a build may come later than the deploy that it was for.
      builtMs !== null &&
      builtMs > startedMs,
  );
}

/** What the settings of a folder say. A result of other settings is old. */
export function withSettings(
  facts: Facts,
  folder: Folder | undefined,
  setting: Facts["setting"],
): Facts {
  const isOld =
    folder?.path === facts.folder?.path &&
    (setting.port !== facts.setting.port || setting.target !== facts.setting.target);
  return { ...facts, folder, setting, latest: isOld ? undefined : facts.latest };
}

/** The server is well, or not. Without it nothing runs, and what it knew is not known any more. */
export function withHealth(facts: Facts, health: Health): Facts {
  if (health.kind === "ready") return { ...facts, health };
  return { ...facts, health, running: [] };
}
