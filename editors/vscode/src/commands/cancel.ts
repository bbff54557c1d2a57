/** Cancel Deploy: the job that is running, or the one of several that is meant. */

import type { Desk } from "../desk.ts";
import { Command } from "../protocol.ts";
import * as say from "../say.ts";

export async function cancel(desk: Desk): Promise<void> {
  const { running } = desk.model.facts;
  const items: (say.Choice & { argument: object })[] = running.map(
    ({ job, text, target, port }) => ({
      label: text.short,
      description: [target, port].filter(Boolean).join(" · "),
      argument: { job },
    }),
  );
  items.push({ label: "All of them", argument: {} });
  const pick =
    items.length > 2 ? await say.pick(items, { title: "What to cancel" }) : { argument: {} };
  if (pick) await desk.server.run(Command.cancel, pick.argument);
}
