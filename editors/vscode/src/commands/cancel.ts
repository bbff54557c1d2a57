/** Cancel Deploy: the job that is running, or the one of several that is meant. */

import type { Desk } from "../desk.ts";
import type { Jobs } from "../protocol.ts";
import { Command } from "../protocol.ts";
import * as say from "../say.ts";

export async function cancel(desk: Desk): Promise<void> {
  const { jobs } = await desk.server.run<Jobs>(Command.jobs, {});
  if (jobs.length <= 1) {
    await desk.server.run(Command.cancel, {});
    return;
  }
  const items: (say.Choice & { argument: object })[] = jobs.map((job) => ({
    label: job.what,
    description: job.port ?? "",
    detail: job.message,
    argument: { job: job.job },
  }));
  items.push({ label: "All of them", argument: {} });
  const pick = await say.pick(items, { title: "What to cancel" });
  if (pick) await desk.server.run(Command.cancel, pick.argument);
}
