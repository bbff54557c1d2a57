/** Choosing a target and a board. The server remembers both, for each folder. */

import * as vscode from "vscode";

import type { Desk } from "../desk.ts";
import { root } from "../desk.ts";
import type { Port, Ports, Selection, Targets } from "../protocol.ts";
import { Command } from "../protocol.ts";
import * as say from "../say.ts";
import { withChoice } from "../view/facts.ts";
import { ago } from "../view/ago.ts";

type Choice<T> = say.Choice & { value?: T };

const AUTOMATIC = "Automatic";

/** `true`: a choice was made. */
export async function chooseTarget(desk: Desk): Promise<boolean> {
  const where = root(desk);
  const found = await desk.server.run<Targets>(Command.targets, where);
  const chosen = found.selected.find((selection) => selection.root === where.root)?.target;
  const items: Choice<string | null>[] = found.targets.map((target) => ({
    label: target.name,
    description: [target.chip?.toUpperCase(), target.name === chosen && "chosen"]
      .filter(Boolean)
      .join(" · "),
    detail: `${target.foundIn}${target.builtMs === null ? "" : `, built ${ago(target.builtMs, Date.now())}`}`,
    value: target.name,
  }));
  if (found.unbuilt.length > 0) {
    items.push({ label: "Not built yet", kind: vscode.QuickPickItemKind.Separator });
    for (const { name, buildHint } of found.unbuilt) {
      items.push({ label: name, detail: `build it first: ${buildHint}` });
    }
  }
  items.unshift({
    label: AUTOMATIC,
    description: chosen ? "" : "chosen",
    detail: "The setting fbuild.target, else what was built last",
    value: null,
  });
  const title = "What to deploy";
  const pick = await say.pick(items, { title, matchOnDetail: true });
  if (!pick) return false;
  if (pick.value === undefined) {
    say.information(`${pick.label} is not built yet: ${pick.detail ?? ""}`);
    return false;
  }
  await select(desk, Command.selectTarget, { ...where, target: pick.value });
  return true;
}

/** Chooses the project's board. `undefined`: nothing was chosen; `""`: whichever is there. */
export async function choosePort(desk: Desk, given?: string): Promise<string | undefined> {
  const port = given ?? (await pickPort(desk, "Where the board is", "first"));
  if (port === undefined) return undefined;
  await select(desk, Command.selectPort, { ...root(desk), port: port === "" ? null : port });
  return port;
}

/** Chooses a board after a failure. A simulated one is for this once: the next deploy is for a real one. */
export async function choosePortAgain(desk: Desk): Promise<string | undefined> {
  const port = await pickPort(desk, "Where the board is", "last");
  return port === undefined || port.startsWith("sim:") ? port : choosePort(desk, port);
}

/** Makes a choice that is known. */
export async function select(desk: Desk, command: string, choice: object): Promise<void> {
  const chosen = await desk.server.run<Selection>(command, choice);
  desk.model.update((facts) => withChoice(facts, chosen));
}

const SIMULATED = "sim:?time=real";

/** Asks for a port, for once. `automatic`: where in the list the automatic choice is, if anywhere. */
export async function pickPort(
  desk: Desk,
  title: string,
  automatic?: "first" | "last",
): Promise<string | undefined> {
  const { ports } = await desk.server.run<Ports>(Command.ports, {});
  const pick = await say.pickFrom<Choice<string>>(
    title,
    "A board that is plugged in now is listed at once",
    (show) =>
      desk.model.follow(({ ports: now }) => {
        const items = portItems(now ?? ports);
        if (automatic === "first") items.unshift(AUTOMATIC_PORT);
        if (automatic === "last") items.push(AUTOMATIC_PORT);
        show([...items, { label: "Other…", iconPath: new vscode.ThemeIcon("edit") }]);
      }),
  );
  if (!pick) return undefined;
  if (pick.value !== undefined) return pick.value;
  const typed = await say.question({
    title,
    placeHolder: "/dev/ttyUSB0, COM5, socket://host:port, sim:board.bin?chip=esp32c3",
    ignoreFocusOut: true,
  });
  return typed?.trim() ? typed.trim() : undefined;
}

const AUTOMATIC_PORT = {
  label: AUTOMATIC,
  description: "the setting fbuild.port, else the only board that is plugged in",
  iconPath: new vscode.ThemeIcon("wand"),
  value: "",
};

/** The ports that are there, boards first, and a simulated board. */
export function portItems(ports: readonly Port[]): (Choice<string> & { value: string })[] {
  const items = [...ports]
    .sort((a, b) => Number(b.likelyBoard) - Number(a.likelyBoard))
    .map((port) => ({
      label: port.name,
      description: port.description,
      iconPath: new vscode.ThemeIcon(port.likelyBoard ? "circuit-board" : "plug"),
      value: port.name,
    }));
  const simulated = {
    label: "Simulated board",
    description: "no hardware needed; its flash is a file",
    iconPath: new vscode.ThemeIcon("vm"),
    value: SIMULATED,
  };
  return [...items, simulated];
}
