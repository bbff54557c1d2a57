/** What the tree of boards, targets and deploys shows, from what is known. */

import * as path from "node:path";

import type { DeployArguments, History, PastDeploy, Status } from "../protocol.ts";
import { ago } from "../view/ago.ts";
import type { Facts } from "../view/facts.ts";
import { next, project } from "../view/facts.ts";
import { label } from "../view/plain.ts";

/** An entry. */
export interface Node {
  label: string;
  icon: string;
  description: string;
  /** What the menus go by. */
  kind: "group" | "board" | "target" | "unbuilt" | "past";
  /** What its buttons give to their commands. */
  argument: DeployArguments;
  children: readonly Node[];
}

function node(
  kind: Node["kind"],
  icon: string,
  name: string,
  description = "",
  argument: DeployArguments = {},
  children: readonly Node[] = [],
): Node {
  return { kind, icon, label: label(name), description: label(description), argument, children };
}

export function nodes(facts: Facts, { boards }: History, nowMs: number): Node[] {
  const group = (name: string, children: Node[]) =>
    node("group", "", name, children.length === 0 ? "none" : "", {}, children);
  return [
    group("Boards", boardNodes(facts, boards, nowMs)),
    group("Targets", targetNodes(facts, nowMs)),
    group("History", pastNodes(boards, nowMs)),
  ];
}

/** What is plugged in, what a deploy would take, and simulated boards that were used. */
function boardNodes(facts: Facts, known: History["boards"], nowMs: number): Node[] {
  const ports = facts.ports ?? [];
  const meant = next(facts).port;
  const names = [
    ...(meant === null ? [] : [meant]),
    ...ports.filter(({ likelyBoard }) => likelyBoard).map(({ name }) => name),
    ...known.map(({ port }) => port).filter((port) => port.startsWith("sim:")),
  ];
  return [...new Set(names)].map((port) => {
    const board = known.find((one) => one.port === port);
    const job = facts.running.find((running) => running.port === port);
    const plugged = ports.find(({ name }) => name === port)?.description ?? "";
    const last = board?.deploys[0];
    const isSimulated = port.startsWith("sim:");
    return node(
      "board",
      iconOf(port, job),
      board?.name ?? (isSimulated ? "Simulated board" : port),
      job?.text.short ?? (last ? `${last.short}, ${ago(last.whenMs, nowMs)}` : plugged),
      { port },
    );
  });
}

function iconOf(port: string, job: Status | undefined): string {
  if (job) return "sync~spin";
  return port.startsWith("sim:") ? "vm" : "circuit-board";
}

function targetNodes(facts: Facts, nowMs: number): Node[] {
  const { target: meant } = next(facts);
  const here = project(facts);
  const built = (facts.targets?.targets ?? []).map(({ name, chip, builtMs, root }) => {
    const isMeant = name === meant && (here === undefined || root === here);
    const about = [
      chip?.toUpperCase(),
      builtMs !== null && `built ${ago(builtMs, nowMs)}`,
      isMeant && "chosen",
    ];
    // Seen from the folder, the name has the place of its project in it.
    const place = path.relative(facts.folder?.path ?? root, root).replaceAll("\\", "/");
    const target = name.replace(`:${place}/`, ":");
    const description = about.filter(Boolean).join(" · ");
    return node("target", isMeant ? "target" : "package", name, description, { target, root });
  });
  const unbuilt = (facts.targets?.unbuilt ?? []).map(({ name, buildHint }) =>
    node("unbuilt", "circle-outline", name, buildHint),
  );
  return [...built, ...unbuilt];
}

/** The icon of a deploy that is over. */
export function pastIcon(outcome: PastDeploy["outcome"]): string {
  if (outcome === "failed") return "error";
  return outcome === "cancelled" ? "circle-slash" : "check";
}

const MOST = 30;

function pastNodes(boards: History["boards"], nowMs: number): Node[] {
  return boards
    .flatMap(({ name, port, deploys }) => deploys.map((deploy) => ({ ...deploy, name, port })))
    .sort((a, b) => b.whenMs - a.whenMs)
    .slice(0, MOST)
    .map(({ outcome, short, target, root, name, port, whenMs }) => {
      const description = `${target} · ${name} · ${ago(whenMs, nowMs)}`;
      const again = { target, root, port };
      return node("past", pastIcon(outcome), short, description, again);
    });
}
