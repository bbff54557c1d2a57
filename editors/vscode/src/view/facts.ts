/** Everything the status bar is drawn from, and how news changes it. */

import type { Next, Outcome, Port, Ports, Selection, Status, Targets, Text } from "../protocol.ts";
import type { Folder } from "./folder.ts";
import { isBelow } from "./folder.ts";

export type Health =
  | { kind: "ready"; version: string; file: string; from: string }
  | { kind: "starting" | "restarting"; why: string }
  | { kind: "stopped"; why: string };

/** How a job ended. */
export interface Finished {
  outcome: Outcome;
  /** A firmware built later than this, in milliseconds since 1970, is another one than it is about. */
  asOfMs: number;
  /** The folder that it was for, if one was meant. */
  folder: Folder | undefined;
  /** The project in it, where that is known. */
  root?: string | undefined;
}

export interface Facts {
  health: Health;
  targets: Targets | undefined;
  ports: readonly Port[] | undefined;
  /** What is running, oldest first. */
  running: readonly Status[];
  /** The last deploy or verify, for as long as nothing newer is known. */
  latest: Finished | undefined;
  /** The last crash of a board, until a job begins. */
  crash: Text | undefined;
  /** The folder whose project the commands are for. */
  folder: Folder | undefined;
  /** The document in it that was looked at last. */
  document: string | undefined;
  /** The project of that document, once the server has said which one that is. */
  front: Selection | undefined;
  /** Whether there is more than one folder. */
  hasFolders: boolean;
  /** Settings of that folder. */
  setting: { target: string; port: string };
  showsProgress: boolean;
  /** Whether there is a Deploy button in the status bar. */
  showsButton: boolean;
}

export const nothing: Facts = {
  health: { kind: "starting", why: "" },
  targets: undefined,
  ports: undefined,
  running: [],
  latest: undefined,
  crash: undefined,
  folder: undefined,
  document: undefined,
  front: undefined,
  hasFolders: false,
  setting: { target: "", port: "" },
  showsProgress: true,
  showsButton: true,
};

/** The project that a command means: that of the document in front, else the folder's. */
export function project({ front, folder }: Facts): string | undefined {
  return front?.root ?? folder?.path;
}

/** What a deploy would take, in the folder that is meant or else in one that has something. */
export function next({ targets, folder, front }: Facts): Next {
  if (front) return front.next;
  const selected = targets?.selected ?? [];
  const here = selected.find(({ root }) => root === folder?.path);
  const any = selected.find(({ next }) => next.target !== null) ?? selected[0];
  return (here ?? any)?.next ?? nobody;
}

const nobody: Next = { target: null, port: null, short: "fbuild", detail: "", unfinished: null };

/** Whether there is something to deploy, or will be once it is built. */
export function hasProject({ targets }: Facts): boolean {
  return targets !== undefined && targets.targets.length + targets.unbuilt.length > 0;
}

/** A job went on or ended. */
export function withStatus(facts: Facts, status: Status): Facts {
  const others = facts.running.filter((job) => job.job !== status.job);
  if (status.outcome === "crashed") return { ...facts, crash: status.text };
  if (status.state !== "running") return { ...facts, running: others };
  const running = [...others, status].sort((a, b) => a.job - b.job);
  return { ...facts, running, crash: undefined };
}

/** A port came or went. */
export function withPorts(facts: Facts, { ports }: Ports): Facts {
  return { ...facts, ports };
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
  const front = facts.front?.root === chosen.root ? chosen : facts.front;
  if (!targets) return { ...facts, front, latest: undefined };
  const others = targets.selected.filter(({ root }) => root !== chosen.root);
  const selected = [...others, chosen];
  return { ...facts, targets: { ...targets, selected }, front, latest: undefined };
}

/** Whether it is about a firmware that was built again since. */
function isRebuilt({ outcome, folder, root, asOfMs }: Finished, now: Targets): boolean {
  // Seen from the folder, a target of a project further down has its place in its name.
  const ending = outcome.target.replace(/^.*:/, "/");
  return now.targets.some(
    (target) =>
      (target.name === outcome.target || (target.root === root && target.name.endsWith(ending))) &&
      (!folder || isBelow(target.root, folder.path)) &&
      // News of a build may come later than the deploy that it was for.
      target.builtMs !== null &&
      target.builtMs > asOfMs,
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
  const front = folder?.path === facts.folder?.path ? facts.front : undefined;
  return { ...facts, folder, front, setting, latest: isOld ? undefined : facts.latest };
}

/** The server is well, or not. Without it nothing runs, and what it knew is not known any more. */
export function withHealth(facts: Facts, health: Health): Facts {
  if (health.kind === "ready") return { ...facts, health };
  return { ...facts, health, running: [] };
}
