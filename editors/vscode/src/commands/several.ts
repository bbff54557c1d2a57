/** Deploy to Several Boards: a job for each board that is chosen, and one message about all of them. */

import type { Desk } from "../desk.ts";
import type { Outcome, Ports } from "../protocol.ts";
import { Command } from "../protocol.ts";
import * as say from "../say.ts";
import { next } from "../view/facts.ts";
import { portItems } from "./choose.ts";

export async function deployToBoards(desk: Desk): Promise<Outcome[] | undefined> {
  const { ports } = await desk.server.run<Ports>(Command.ports, {});
  const boards = portItems(ports.filter(({ likelyBoard }) => likelyBoard));
  const { port } = next(desk.model.facts);
  if (port !== null && !boards.some(({ value }) => value === port)) {
    boards.unshift({ label: port, description: "what Deploy would take", value: port });
  }
  const options = { title: "Deploy to which boards?", placeHolder: "Space chooses, Enter deploys" };
  const chosen = await say.pickSeveral(boards, options);
  if (!chosen?.length) return undefined;
  const isQuiet = chosen.length > 1;
  const deploy = (port: string) => desk.jobs.deploy("deploy", { port }, { isQuiet });
  const outcomes = await Promise.all(chosen.map(({ value }) => deploy(value)));
  if (isQuiet) tell(chosen, outcomes);
  return outcomes;
}

function tell(boards: say.Choice[], outcomes: Outcome[]): void {
  const lines = outcomes.map(({ text }, i) => `${boards[i]?.label ?? ""}: ${text.short}`);
  const isGood = ({ error, outcome }: Outcome) => !error && outcome !== "cancelled";
  const done = outcomes.filter(isGood).length;
  const said = `Deployed to ${done} of ${outcomes.length} boards. ${lines.join("; ")}`;
  if (done === outcomes.length) say.information(said);
  else void say.failure(said);
}
